#!/usr/bin/env bash
# Builds, publishes, tests and measures gridwrap. Verbs: (none) | publish | demo | test | bench [NAME]
# RID=linux-arm64 ./build.sh publish cross-publishes where the runtime pack can be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

rid=${RID:-linux-x64}
out=artifacts/$rid
init=artifacts/init/$rid/gridwrap-init
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

say() { printf '== %s\n' "$*" >&2; }

publish() {
    tests/testbed/packages.sh build
    src/init/build.sh "$init"
    local commit
    commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
    say "publishing $out/gridwrap"
    dotnet publish src/GridWrapper -c Release -r "$rid" -v quiet --nologo -p:PublishProtocol=single -p:SourceRevisionId="$commit" -o "artifacts/publish/$rid"
    mkdir -p "$out"
    install -m 0755 "artifacts/publish/$rid/gridwrap" "$out/gridwrap.new"
    mv -f "$out/gridwrap.new" "$out/gridwrap"
    say "$out/gridwrap: $(stat -c %s "$out/gridwrap") bytes"
}

demo() {
    publish
    tests/testbed/as-user.sh "$out/gridwrap" selftest
}

run_tests() {
    publish
    tests/testbed/packages.sh test
    tests/testbed/run-tests.sh
}

bench() {
    publish
    tests/testbed/packages.sh test
    tests/GridWrapper.Benchmarks/bench.sh "$@"
}

case ${1:-} in
    '' | publish) publish ;;
    demo) demo ;;
    test) run_tests ;;
    bench) shift; bench "$@" ;;
    *) printf 'usage: ./build.sh [publish|demo|test|bench [NAME]]\n' >&2; exit 64 ;;
esac
