#!/usr/bin/env bash
# fuzz-serving.sh [--seconds N]: feeds made-up and damaged requests to the decoder of the served root, and damaged indexes and checkpoints to packed layers, for N seconds (default 10), with a seed of its own. Stdout: a line for each with
# the number of requests and the seed. Exit 1 at the first reply that is not well-formed; the test's message holds the request.
# With GRIDWRAP_FUZZ_CORPUS=1, for every new way in which a reader ends, the input goes to tests/GridWrapper.Tests/Serving/Corpus, which each test run replays; so for fuzz-toc.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=10
if [ "${1:-}" = --seconds ]; then
    seconds=${2:?usage: fuzz-serving.sh [--seconds N]}
fi
cd "$here/../.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
output=$(GRIDWRAP_FUZZ_SECONDS=$seconds dotnet test tests/GridWrapper.Tests --nologo --filter FullyQualifiedName~FuzzTests --logger "console;verbosity=detailed" 2>&1) || { printf '%s\n' "$output" >&2; exit 1; }
printf '%s\n' "$output" | grep -oE '[0-9]+ requests, seed [0-9]+|[0-9]+ damaged (indexes|checkpoints) .*'
