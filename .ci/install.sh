# Sourced by ./run, ./test and .ci/run, from the root of the checkout. All it prints goes to the standard error, so that
# `./run --demo --json` keeps its standard output for one JSON object.
unset PYTHONHOME PYTHONPATH
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# An interpreter of 3.11 or later that can make virtual environments; $PYTHON wins where it is given.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.11 python3.12 python3.13; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

# apt_install PACKAGE...: as root on Debian installs them, else returns 1.
apt_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "Installing with apt-get: $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 && return
  DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# install_python LOCK: .venv with requirements/LOCK.txt, hashes checked, and Cadran itself. A stamp makes a second start quick.
install_python() {
  local lock=$1 python stamp wanted
  exec 8>.install.lock
  flock 8
  stamp=".venv/.installed-$lock"
  wanted="$(sha256sum "requirements/$lock.txt" pyproject.toml) $PWD"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c 'import cadran' 2>/dev/null; then
    exec 8>&-
    return
  fi
  if ! python=$(find_python); then
    apt_install python3 python3-venv && python=$(find_python) ||
      die "Cadran needs Python 3.11 or later with venv. On Debian 12: apt-get install python3 python3-venv, then start again."
  fi
  say "Installing Cadran into .venv (the first start only, about a minute)..."
  "$python" -m venv --clear .venv >&2 || die "python3 -m venv failed: see above. On Debian 12: apt-get install python3-venv"
  .venv/bin/python -m pip install -q --require-hashes -r "requirements/$lock.txt" >&2 ||
    die "pip could not install requirements/$lock.txt: see above. Is the package index within reach?"
  .venv/bin/python -m pip install -q --no-deps --no-build-isolation -e . >&2 || die "pip could not install Cadran itself: see above"
  printf '%s\n' "$wanted" >"$stamp"
  if [ "$lock" = dev ]; then # the development lock holds the runtime one
    printf '%s\n' "$(sha256sum requirements/runtime.txt pyproject.toml) $PWD" >.venv/.installed-runtime
  fi
  exec 8>&-
}
