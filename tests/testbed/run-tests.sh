#!/usr/bin/env bash
# run-tests.sh: builds the test projects and runs them, prints one closing line "N passed, N failed, N skipped". Exit 1 when anything failed or nothing ran.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

results=$(mktemp -d /tmp/gridwrap-results.XXXXXX)
trap 'rm -rf "$results"' EXIT
status=0

"$here/trixie.sh" >/dev/null || status=1
dotnet build tests/GridWrapper.Tests -v quiet --nologo || status=1
dotnet build tests/GridWrapper.SystemTests -v quiet --nologo || status=1
[ "$status" -eq 0 ] || { echo "0 passed, 1 failed"; exit 1; }

# Started in the background of a script, or by nohup, INT or HUP is ignored in everything below: tests send them.
# A run in which no test begins or ends for 20 minutes is ended, and the tests that were running are named.
for project in Tests SystemTests; do
    printf '== %s\n' "$project" >&2
    env --default-signal=HUP,INT,QUIT dotnet test "tests/GridWrapper.$project" --no-build --nologo --logger "console;verbosity=minimal" --logger "trx;LogFileName=$project.trx" --results-directory "$results" --blame-hang --blame-hang-timeout 20m --blame-hang-dump-type none -- NUnit.NumberOfTestWorkers=2 || status=1
done

count() { cat "$results"/*.trx 2>/dev/null | grep -oE "<Counters [^>]*" | grep -oE " $1=\"[0-9]+\"" | grep -oE '[0-9]+' | paste -sd+ - | bc; }
total=$(count total)
passed=$(count passed)
failed=$(count failed)
grep -hoE '<Test Name="[^"]*"[^>]*Completed="False"' "$results"/*/Sequence_*.xml 2>/dev/null | grep -oE 'Name="[^"]*"' | sort -u | sed 's/^/not ended: /' >&2
skipped=$((${total:-0} - ${passed:-0} - ${failed:-0}))
# The adapter calls an ignored test "not executed": its reason is printed, because a skip must name the missing fact.
grep -hoE 'outcome="NotExecuted"[^>]*' "$results"/*.trx | grep -oE 'testName="[^"]*"' | sort -u | sed 's/^/skipped: /' >&2
printf '%s passed, %s failed, %s skipped\n' "${passed:-0}" "${failed:-0}" "$skipped"
[ "$status" -eq 0 ] && [ "${passed:-0}" -gt 0 ] && [ "${failed:-0}" -eq 0 ]
