# usage: sh run_python.sh SCRIPT     with $MPIGAN_PYTHON, or the python3 in PATH
#
# Which Python has PyTorch is a matter of the moment, not of the build: so it is asked here, when
# the test runs, and not by CMake.  Exits 77, CTest's "skipped", where there is none.
python=${MPIGAN_PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
  echo "skipped: no $python here; set MPIGAN_PYTHON to a Python with torch, h5py and yaml"
  exit 77
fi
exec "$python" -B "$@"
