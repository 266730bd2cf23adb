#!/usr/bin/env bash
# One fuzzer in the build folder: first the committed seeds, then what it finds from there.
#
# usage: run_fuzzer.sh READER LARGEST_INPUT [FILE...]     FILE: run these alone, to see what they do
# $MPIGAN_FUZZ_SECONDS: how long (30)
set -euo pipefail
reader=$1 largest=$2
shift 2
seeds=$(cd "$(dirname "$0")" && pwd)/seeds/$reader
findings=$PWD/findings/$reader
corpus=$PWD/corpus/$reader # grows from run to run
mkdir -p "$findings" "$corpus"

# Files of the fuzzer go through memory, and away whatever happens to it.
folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1

if [ $# -gt 0 ]; then
  "./fuzz_$reader" "$@"
  exit
fi

options=(-max_len="$largest" -max_total_time="${MPIGAN_FUZZ_SECONDS:-30}" -timeout=10)
# The most for one block: what 4 KiB of gzip can hold, 4 MiB, and room; of a picture of 1 KiB, 8
# million pixels at 4 bytes, and libjpeg's coefficients. And for all of the process.
most=16
if [ "$reader" = picture ]; then most=128; fi
options+=(-malloc_limit_mb="$most" -rss_limit_mb=1024 -artifact_prefix="$findings/" -print_final_stats=1)
if [ "$reader" = config ]; then options+=(-dict=config.dict); fi
log=$findings/log
if "./fuzz_$reader" "${options[@]}" "$corpus" "$seeds" >"$log" 2>&1; then
  grep -E 'INITED|DONE' "$log" | tr '\n' ';'
  grep -E 'number_of_executed_units|peak_rss' "$log"
  exit 0
fi
grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|INITED|READ|RELOAD)' "$log" | tail -n 80
input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
echo "fuzz.$reader: FAILED; the input is kept: ${input:-none, see $log}"
echo "see it again: tools/fuzz $reader ${input:-FILE}; once it is mended, it goes to $seeds/"
exit 1
