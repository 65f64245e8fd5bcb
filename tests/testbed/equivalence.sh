#!/usr/bin/env bash
# equivalence.sh [COUNT]: looks at COUNT (300) random stacks of layers by every way that gridwrap has, and by umoci; see docs/layers.md. Exit 1 if any differ.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
GRIDWRAP_EQUIVALENCE_STACKS=${1:-300} exec dotnet test tests/GridWrapper.SystemTests --nologo --filter FullyQualifiedName~EquivalenceTests
