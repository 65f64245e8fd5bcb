#!/bin/bash
# Damages footers and tables of contents of lazily read layers for an hour, or for so many seconds: tests/testbed/fuzz-toc.sh [SECONDS]
# A failure names the seed; tests/GridWrapper.Tests/Serving/TocFuzzTests.cs has the documents that it starts from.
set -euo pipefail
cd "$(dirname "$0")/../.."
GRIDWRAP_FUZZ_SECONDS=${1:-3600} exec dotnet test tests/GridWrapper.Tests --nologo --filter "FullyQualifiedName~TocFuzzTests" --logger "console;verbosity=normal"
