#!/bin/sh
# Puts the Porthole agent on this machine, makes it a host of an edge, and has systemd run it:
#
#   curl -fsSL https://<edge>/install.sh | sh -s -- https://<edge> <join-token>
#
# What follows the token goes to the agent, as in: --name "front desk" --user vnc.
# Run again with the edge's address alone, it takes up the newest agent.
# It needs Node 20 or newer, and installs nothing but one file: PORTHOLE_DIR/porthole-agent.mjs.
set -eu

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "$*"
  exit 1
}

# Prints what is at an address.
download() {
  if command -v curl >/dev/null; then
    curl -fsSL "$1"
  elif command -v wget >/dev/null; then
    wget -qO- "$1"
  else
    fail "This needs curl or wget."
  fi
}

need_node() {
  if ! command -v node >/dev/null; then
    fail "Node 20 or newer is missing. On Debian 13, Ubuntu 26.04 or newer: apt install nodejs" \
      "- elsewhere as https://nodejs.org/en/download says. Then run this again."
  fi
  major=$(node -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt 20 ]; then
    fail "Node here is $(node --version), and the agent needs 20 or newer:" \
      "https://nodejs.org/en/download. Then run this again."
  fi
}

# Whether systemd runs this machine, and is ours to change.
has_systemd() {
  if [ "$(id -u)" != 0 ] || ! command -v systemctl >/dev/null; then
    return 1
  fi
  case $(systemctl is-system-running 2>/dev/null) in
    '' | offline | unknown) return 1 ;;
  esac
}

# A word as a shell reads it.
quote() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# In a function: of a download that is cut short nothing runs.
main() {
  edge=${1:-}
  case $edge in
    http://* | https://*) edge=${edge%/} ;;
    *) fail "Usage: sh install.sh https://<edge> [<join-token>] [options of the agent]" ;;
  esac
  shift
  token=
  case ${1:-} in
    '' | -*) ;;
    *)
      token=$1
      shift
      ;;
  esac

  need_node
  umask 022
  if [ "$(id -u)" = 0 ]; then
    folder=${PORTHOLE_DIR:-/opt/porthole}
  else
    folder=${PORTHOLE_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/porthole}
  fi
  mkdir -p "$folder"
  folder=$(cd "$folder" && pwd)
  agent=$folder/porthole-agent.mjs
  # Whole or not at all: one that runs may be started again at any time.
  new=$folder/porthole-agent.new.mjs
  trap 'rm -f "$new"' EXIT
  download "$edge/agent.mjs" >"$new" || fail "$edge/agent.mjs cannot be downloaded."
  version=$(node "$new" --version 2>/dev/null) || fail "What $edge/agent.mjs gave is no agent."
  chmod 755 "$new"
  mv "$new" "$agent"
  say "The agent $version is in $agent."

  if [ -n "$token" ]; then
    node "$agent" join "$edge" "$token" "$@"
  fi
  if has_systemd; then
    if [ -z "$token" ] && [ $# = 0 ] && systemctl cat porthole-agent >/dev/null 2>&1; then
      systemctl restart porthole-agent
      say "It runs, as it was installed."
    else
      node "$agent" install-service "$@"
    fi
    return
  fi
  run="node $(quote "$agent") run"
  for word in "$@"; do
    run="$run $(quote "$word")"
  done
  say "There is no systemd here that this user may change. Run the agent with:"
  say "$run"
}

main "$@"
