#!/bin/bash
# hep-image.sh DIR [--push ADDRESS/NAME] [--from TREE] [--bytes N] [--entries N]
# An image in the shape of a HEP release: 14 layers, about 2.8 GB and 120,000 entries unpacked, 800 MB compressed, made from the
# files of this machine's own /usr (or TREE), so that nothing is downloaded and sizes, types and names are those of real software.
# DIR/layout is an OCI layout with the tags
#   gzip         the image, gzip -6 layers
#   zstd         the same layers, zstd -3
#   gzip-next    the gzip image with its last two small layers replaced: a rebuild of the same release
#   zstd-next    the same with zstd
# DIR must not exist or be complete from an earlier call; it is complete when DIR/complete exists. About 5 GB while it is made, 1.6 GB after.
# --push copies every tag to a registry (plain http). Stdout: a line "TAG MANIFEST-DIGEST" for each tag.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
export LC_ALL=C

readonly oci=application/vnd.oci.image
# How the bytes spread over the layers, in parts of a thousand: a base, a big release, and small things on top.
readonly weights="90 120 390 110 90 70 50 35 20 12 6 4 2 1"
dir='' push='' from=/usr bytes=2800000000 entries=120000

# What goes into which layer: NUL-separated lists layer.1 … layer.14, in path order, with the parents of every file.
choose_files() {
    find "$from" -xdev \( -type f -o -type l \) -printf '%y\t%s\t%P\0' | sort -z -t $'\t' -k 3 | perl -0 -e '
        my ($bytes, $entries, @weights) = @ARGV; @ARGV = ();
        my @all = map { chomp; [split(/\t/, $_, 3)] } <STDIN>;
        my $size = sub { $_[0][0] eq "f" ? $_[0][1] : 0 };
        # The largest files go first until the sum fits; then every n-th entry until the count does.
        my $sum = 0; $sum += $size->($_) for @all;
        my %dropped;
        for (sort { $size->($b) <=> $size->($a) } @all) { last if $sum <= $bytes; next if $size->($_) < 5e6; $dropped{$_->[2]} = 1; $sum -= $size->($_); }
        @all = grep { !$dropped{$_->[2]} } @all;
        my $keep = ($entries * 0.9) / @all; my ($n, @kept) = (0);
        for (@all) { $n += $keep < 1 ? $keep : 1; if ($n >= 1 || $size->($_) > 1e6) { push @kept, $_; $n -= 1 if $n >= 1; } }
        $sum = 0; $sum += $size->($_) for @kept;
        my $limit = $sum > $bytes ? $bytes : $sum;
        my ($layer, $filled, $until, %seen) = (0, 0, $limit * $weights[0] / 1000);
        open(my $out, ">", "layer.1");
        for my $entry (@kept) {
            if ($filled >= $until && $layer < $#weights) { $until += $limit * $weights[++$layer] / 1000; %seen = (); open($out, ">", "layer." . ($layer + 1)); }
            my @parts = split(m{/}, $entry->[2]); pop @parts; my $path = "";
            for (@parts) { $path .= ($path eq "" ? "" : "/") . $_; print $out "$path\0" unless $seen{$path}++; }
            print $out "$entry->[2]\0"; $filled += $size->($entry);
        }' "$bytes" "$entries" $weights
}

make_tar() {
    tar --create --format=posix --numeric-owner --owner=0 --group=0 --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
        --transform="s,^,usr/,rSh" --file="$1.tar" --directory="$from" --no-recursion --null --files-from="$PWD/$1"
}

# The first layer also has the links of a merged /usr, and a static program, /busybox, that runs whatever was thinned out.
add_links() {
    local name
    mkdir links
    for name in bin sbin lib lib64; do ln -s "usr/$name" "links/$name"; done
    install -m 0755 /bin/busybox links/busybox
    tar --append --format=posix --numeric-owner --owner=0 --group=0 --mtime=@1700000000 --file="$1.tar" --directory=links bin busybox sbin lib lib64
}

# A few small files, different in each release.
make_small() {
    mkdir -p "small.$1/usr/share/release"
    seq 1 "$2" >"small.$1/usr/share/release/$1"
    tar --create --format=posix --numeric-owner --owner=0 --group=0 --mtime=@1700000000 --directory="small.$1" --file="small.$1.tar" usr
}

digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

add_blob() {
    local hash
    hash=$(digest "$1")
    [[ -f $dir/layout/blobs/sha256/$hash ]] || cp "$1" "$dir/layout/blobs/sha256/$hash"
    printf 'sha256:%s' "$hash"
}

descriptor() { printf '{"mediaType":"%s","digest":"%s","size":%d%s}' "$1" "$(add_blob "$2")" "$(stat -c %s "$2")" "${3-}"; }

joined() { local IFS=,; printf '%s' "$*"; }

pack() {
    gzip -6 -n <"$1.tar" >"$1.gzip"
    zstd -q -3 -f "$1.tar" -o "$1.zstd"
    digest "$1.tar" >"$1.diffid"
    rm "$1.tar"
}

# write_image TAG PACKING LAYER…
write_image() {
    local tag=$1 packing=$2 ids=() layers=() history=() layer
    shift 2
    for layer; do
        ids+=("\"sha256:$(<"$layer.diffid")\"")
        layers+=("$(descriptor "$oci.layer.v1.tar+$packing" "$layer.$packing")")
        history+=("{\"created_by\":\"hep-image.sh $layer\"}") # ch-image wants one, though it may be left out
    done
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/bin"]},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
        "$(joined "${ids[@]}")" "$(joined "${history[@]}")" >"config.$tag"
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$oci.manifest.v1+json" \
        "$(descriptor "$oci.config.v1+json" "config.$tag")" "$(joined "${layers[@]}")" >"manifest.$tag"
    entries_json+=("$(descriptor "$oci.manifest.v1+json" "manifest.$tag" ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"$tag\"}")")
    printf '%s sha256:%s\n' "$tag" "$(digest "manifest.$tag")" >>"$dir/digests"
}

build() {
    local index names=() packing
    umask 022
    mkdir -p "$dir/layout/blobs/sha256" "$dir/work"
    cd "$dir/work"
    choose_files
    for index in $(seq 1 14); do
        make_tar "layer.$index"
        if ((index == 1)); then add_links "layer.$index"; fi
        printf '%s\n' "layer.$index"
    done | xargs -P "$(nproc)" -I {} bash -c "$(declare -f pack digest); set -euo pipefail; pack {}"
    for index in first second first-next second-next; do make_small "$index" 20000; pack "small.$index"; done
    for index in $(seq 1 12); do names+=("layer.$index"); done
    for packing in gzip zstd; do
        write_image "$packing" "$packing" "${names[@]}" layer.13 layer.14
        write_image "$packing-next" "$packing" "${names[@]}" small.first-next small.second-next
    done
    printf '{"schemaVersion":2,"manifests":[%s]}' "$(joined "${entries_json[@]}")" >"$dir/layout/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/layout/oci-layout"
    cd /
    remove_tree "$dir/work"
}

push_image() {
    local tag
    for tag in gzip zstd gzip-next zstd-next; do
        skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "oci:$dir/layout:$tag" "docker://$push:$tag" || fail "skopeo copy failed"
    done
    note "pushed it to $push"
}

parse() {
    (($# >= 1)) || fail "usage: hep-image.sh DIR [--push ADDRESS/NAME] [--from TREE] [--bytes N] [--entries N]"
    dir=$(realpath -m -- "$1")
    shift
    while (($# > 0)); do
        case $1 in
            --push) take_value "$1" $#; push=$2 ;;
            --from) take_value "$1" $#; from=$(realpath -- "$2") ;;
            --bytes) take_value "$1" $#; bytes=$2 ;;
            --entries) take_value "$1" $#; entries=$2 ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
}

main() {
    parse "$@"
    need_command skopeo zstd gzip perl busybox
    if [[ ! -f $dir/complete ]]; then
        [[ ! -e $dir ]] || fail "$dir exists and was not made by this script, or was not finished"
        build
        : >"$dir/complete"
        note "made $dir in $SECONDS s: $(du -sm "$dir" | cut -f 1) MB"
    fi
    cat "$dir/digests"
    if [[ -n $push ]]; then push_image; fi
}

entries_json=()
main "$@"
