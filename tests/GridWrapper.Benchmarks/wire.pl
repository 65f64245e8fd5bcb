#!/usr/bin/perl
# wire.pl PORT BYTES-PER-SECOND ROUND-TRIP-MS [whole]: a slow and distant server made of one on 127.0.0.1:PORT. Listens on a free port of 127.0.0.1 and prints it.
# Each connection is limited by itself, as long ways and fair servers do: what is asked arrives after a round trip, what comes back comes at that rate.
# whole: the server knows no ranges; it is not told of those that are asked for. Ends with SIGTERM, and its connections with it.
use strict;
use warnings;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

my ($port, $rate, $trip, $whole) = @ARGV;
die "usage: wire.pl PORT BYTES-PER-SECOND ROUND-TRIP-MS [whole]\n" unless defined $trip && $rate > 0;
$| = 1;
$SIG{CHLD} = 'IGNORE';
setpgrp(0, 0);
$SIG{TERM} = sub { $SIG{TERM} = 'DEFAULT'; kill 'TERM', -$$; };
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64, Proto => 'tcp') or die "listen: $!\n";
print $listener->sockport, "\n";

while (1) {
    my $client = $listener->accept or next;
    defined(my $child = fork) or die "fork: $!\n";
    if ($child) { close $client; next; }
    close $listener;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or exit 1;
    setsockopt($_, IPPROTO_TCP, TCP_NODELAY, 1) for $client, $server;
    sleep($trip / 1000);
    defined(my $other = fork) or exit 1;
    if ($other) { answers($server, $client) } else { requests($client, $server) }
    exit 0;
}

sub put {
    my ($to, $bytes) = @_;
    for (my $at = 0; $at < length $bytes;) {
        my $done = syswrite($to, $bytes, length($bytes) - $at, $at) or exit 0;
        $at += $done;
    }
}

sub requests {
    my ($from, $to) = @_;
    while (sysread($from, my $bytes, 65536)) {
        sleep($trip / 1000);
        $bytes =~ s/^Range:[^\r\n]*\r\n//mi if $whole;
        put($to, $bytes);
    }
    shutdown($to, 1);
}

sub answers {
    my ($from, $to) = @_;
    my $due = time;
    while (sysread($from, my $bytes, 16384)) {
        $due = time if $due < time;
        $due += length($bytes) / $rate;
        my $early = $due - time;
        sleep($early) if $early > 0;
        put($to, $bytes);
    }
    shutdown($to, 1);
}
