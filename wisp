#!/usr/bin/env bash
# Builds the program once in Release, then runs it with the arguments given. Builds again only when a source is newer.
set -eu

# The folder of the real script, also through symbolic links.
self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in
        /*) self=$target ;;
        *) self=$(dirname "$self")/$target ;;
    esac
done
case $self in
    */*) root=$(cd -P "${self%/*}" && pwd) ;;
    *) root=$(pwd -P) ;;
esac

artifacts=$root/artifacts
program=$artifacts/bin/Wisp/release/wisp.dll
stamp=$artifacts/wisp.built

say() { printf 'wisp: %s\n' "$*" >&2; }

# Folders count too: a deleted file changes nothing but the time of its folder.
is_fresh() {
    [ -f "$stamp" ] && [ -f "$program" ] &&
        [ -z "$(find "$root/src" "$root"/Directory.*.props "$root/global.json" -newer "$stamp" -print -quit 2>/dev/null)" ]
}

need_sdk() {
    local wanted
    wanted=$(sed -n 's/.*"version": *"\([0-9.]*\)".*/\1/p' "$root/global.json" | head -n 1)
    if ! command -v dotnet >/dev/null; then
        say "the .NET SDK is not installed (no 'dotnet' on PATH). Get version $wanted or a later 10.x from https://dot.net"
        exit 1
    fi
    # Inside the tree, dotnet itself judges by global.json.
    if ! (cd "$root" && dotnet --version >/dev/null 2>&1); then
        say "a .NET SDK of version $wanted or a later 10.x is needed, and these are installed: $(
            dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | tr '\n' ' '). Get it from https://dot.net"
        exit 1
    fi
}

build() {
    is_fresh && return # someone else built it while this one waited for the lock
    need_sdk
    say 'building, once (a minute or two) ...'
    trap 'rm -f "$stamp.$$" "$artifacts/wisp.log.$$"' EXIT
    trap 'exit 130' INT
    # The time before the build: a file edited while it runs is built next time.
    touch "$stamp.$$"
    # No build servers: they would outlive this script and hold its lock.
    if ! (cd "$root" && DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 \
        dotnet build src/Wisp/Wisp.csproj -c Release -v quiet --nologo --disable-build-servers) \
        >"$artifacts/wisp.log.$$" 2>&1 </dev/null; then
        cat "$artifacts/wisp.log.$$" >&2
        say 'the build failed; what the compiler said stands above'
        exit 1
    fi
    mv "$stamp.$$" "$stamp"
}

if ! is_fresh; then
    mkdir -p "$artifacts"
    # Two at once must not build into the same folder: the second waits, then finds everything fresh.
    if command -v flock >/dev/null; then
        (
            flock 9
            build 9>&-
        ) 9>"$artifacts/wisp.lock" || exit 1
    else
        while ! mkdir "$artifacts/wisp.lock.d" 2>/dev/null; do
            owner=$(cat "$artifacts/wisp.lock.d/owner" 2>/dev/null || true)
            if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
                rm -rf "$artifacts/wisp.lock.d" # its owner is gone
            else
                sleep 0.2
            fi
        done
        echo $$ >"$artifacts/wisp.lock.d/owner"
        trap 'rm -rf "$artifacts/wisp.lock.d"' EXIT
        (build) || exit 1
        rm -rf "$artifacts/wisp.lock.d"
        trap - EXIT
    fi
elif ! command -v dotnet >/dev/null; then
    need_sdk
fi

exec dotnet "$program" "$@"
