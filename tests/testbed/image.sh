#!/bin/bash
# image.sh DIR [--push ADDRESS/NAME] [--creds USER:PASSWORD] [--owner UID]
# Builds a small test image from busybox-static in DIR, which must not exist or be one made by this script. Same packages,
# same bytes: digests do not change from run to run. What the layers hold is said beside make_layer_… below.
#   DIR/layout       OCI image layout with the tags gzip, zstd, plain (one image, three packings of its layers),
#                    platforms (index: linux/arm64, and linux/amd64 = gzip) and multi (platforms with an attestation
#                    manifest of unknown/unknown added, as BuildKit does)
#   DIR/oci.tar      the gzip image as an oci-archive, DIR/docker.tar as a docker-archive; testbed/image:latest in both
#                    (skopeo writes times into oci.tar: its bytes differ from build to build)
#   DIR/rootfs       the image unpacked by umoci; owned by UID with --owner (root only), otherwise as root or the caller
#   DIR/expected     that tree, one entry a line, sorted: TYPE MODE SIZE SHA256-or-dash PATH [-> TARGET]; TYPE is f, d or l,
#                    directories and links have size 0
# A complete DIR is used again. --push sends it with skopeo to a registry (plain http) as ADDRESS/NAME:TAG: the tags above,
# docker and latest (Docker v2 schema 2, gzip), multi-docker (Docker manifest list of the two platforms). The password
# stands on the command line: for tests only.
# Stdout: a line "TAG DIGEST" for each tag, the layout's first. Exit 1 with one line on stderr when it fails.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"
export LC_ALL=C

readonly oci=application/vnd.oci.image
readonly epoch=1700000000
readonly created=2023-11-14T22:13:20Z
busybox=/bin/busybox
dir='' push='' creds=() owner='' work=''

# What each layer adds or hides. Files belong to 0:0; those below a layer's own/ to 1000:1000.

# Layer 1: busybox with its applets, the usual directories, and entries that the next layers change.
make_layer_1() {
    local applet
    mkdir -p bin dev etc proc root sys tmp usr/lib64 usr/local/bin var/tmp data/opaque/sub data/recreated data/same own/home/user
    install -m 0755 "$busybox" bin/busybox
    while read -r applet; do [[ $applet == busybox ]] || ln -s busybox "bin/$applet"; done < <("$busybox" --list)
    ln -s ../bin usr/bin
    ln -s usr/lib64 lib64
    chmod 0700 root
    chmod 1777 tmp var/tmp
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >etc/passwd
    printf 'root:x:0:\nuser:x:1000:\n' >etc/group
    printf 'ID=testbed\nVERSION_ID=1\n' >etc/os-release
    printf 'base\n' | tee data/kept data/deleted data/file-to-directory data/overwritten data/opaque/hidden \
        data/opaque/sub/hidden data/recreated/old data/same/old >/dev/null
    mkdir data/directory-to-link data/directory-to-file
    printf 'base\n' | tee data/directory-to-link/old data/directory-to-file/old >/dev/null
    printf 'mine\n' >own/home/user/file
    chmod 0600 own/home/user/file
}

# Layer 2: a deleted file, an opaque directory, a deleted directory, one deleted and made again in the same layer, and
# entries that change their kind.
make_layer_2() {
    mkdir -p data/opaque data/same data/file-to-directory
    : >data/.wh.deleted
    : >data/opaque/.wh..wh..opq
    printf 'new\n' | tee data/opaque/new data/same/new data/file-to-directory/new data/overwritten >/dev/null
    : >data/.wh.recreated
    : >data/.wh.same
    ln -s kept data/directory-to-link
    printf 'new\n' >data/directory-to-file
}

# Layer 3: the deleted directory again, hard links, symbolic links of every kind, modes, names.
make_layer_3() {
    mkdir -p data/recreated links modes/closed names own/home/user
    printf 'new\n' >data/recreated/new
    printf 'linked\n' >links/first
    ln links/first links/second
    ln links/first data/linked-from-links
    ln -s first links/relative
    ln -s /data/kept links/absolute
    ln -s ../../../../../../etc/passwd links/above-root
    ln -s /nonexistent/target links/dangling
    ln -s loop links/loop
    ln -s ../data links/directory
    printf 'secret\n' >modes/0600
    printf 'closed\n' >modes/closed/file
    printf '#!/bin/sh\nid -u\n' | tee modes/4755 modes/2755 modes/0711 >/dev/null
    chmod 0600 modes/0600
    chmod 4755 modes/4755
    chmod 2755 modes/2755
    chmod 0711 modes/0711
    chmod 0500 modes/closed
    mkdir -m 0700 modes/private
    : >modes/empty
    printf 'name\n' | tee 'names/with space' names/$'\303\274mlaut' "names/$(printf 'long-%.0s' {1..30})end" >/dev/null
    printf 'more\n' >own/home/user/more
}

# Layer 4: a payload, its entry point, and a megabyte of numbers.
make_layer_4() {
    mkdir -p usr/local/bin data/work
    printf '#!/bin/sh\n# entrypoint COMMAND…: shows that the image is entered through it.\nexport TESTBED_ENTERED=yes\nexec "$@"\n' \
        >usr/local/bin/entrypoint
    # shellcheck disable=SC2016 # expanded by the image's shell
    printf '#!/bin/sh\n# payload FILE [BYTES]: writes FILE, a small JSON document, and prints it; or FILE of that many zero bytes.\nset -eu\n%s\n' \
        'if [ $# -gt 1 ]; then head -c "$2" /dev/zero >"$1"; else printf '\''{"image":"%s","events":3}\n'\'' "$TESTBED_IMAGE" >"$1"; cat "$1"; fi' \
        >usr/local/bin/payload
    chmod 0755 usr/local/bin/entrypoint usr/local/bin/payload
    awk 'BEGIN { x = 1; for (i = 0; i < 100000; i++) { x = (x * 16807) % 2147483647; printf "%010d\n", x } }' >data/numbers
}

# The second platform of the index: there only to be not chosen.
make_layer_arm64() {
    mkdir -p etc
    printf 'arm64\n' >etc/architecture
}

# make_tar LAYER: LAYER.tar of the tree LAYER, the same bytes each time; own/ goes in as the user's, without an entry for home.
make_tar() {
    local options=(--create --format=posix --sort=name --numeric-owner --mtime="@$epoch"
        --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' --no-recursion --null --files-from=-)
    (cd "$1" && find . -mindepth 1 -not -path './own*' -printf '%P\0' | sort -z \
        | tar "${options[@]}" --owner=0 --group=0 --file="../$1.tar")
    [[ -d $1/own ]] || return 0
    (cd "$1/own" && find . -mindepth 2 -printf '%P\0' | sort -z \
        | tar "${options[@]/--create/--append}" --owner=1000 --group=1000 --file="../../$1.tar")
}

digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

# add_blob FILE: puts FILE into the layout and prints its digest.
add_blob() {
    local hash
    hash=$(digest "$1")
    cp "$1" "$dir/layout/blobs/sha256/$hash"
    printf 'sha256:%s\n' "$hash"
}

# descriptor MEDIA-TYPE FILE [EXTRA]: adds FILE and prints its descriptor.
descriptor() { printf '{"mediaType":"%s","digest":"%s","size":%d%s}' "$1" "$(add_blob "$2")" "$(stat -c %s "$2")" "${3-}"; }

joined() { local IFS=,; printf '%s' "$*"; }

pack() {
    case $2 in
        gzip) gzip -6 -n <"$1.tar" >"$1.gzip" ;;
        zstd) zstd -q -3 -f "$1.tar" -o "$1.zstd" ;;
        plain) cp "$1.tar" "$1.plain" ;;
    esac
}

write_config() {
    local architecture=$1 diff_ids=() layer
    shift
    for layer; do diff_ids+=("\"sha256:$(digest "$layer.tar")\""); done
    # shellcheck disable=SC2016 # a dollar sign meant literally
    printf '%s' "{\"created\":\"$created\",\"architecture\":\"$architecture\",\"os\":\"linux\",\"config\":{" \
        '"Env":["PATH=/usr/local/bin:/bin","TESTBED_IMAGE=busybox","TESTBED_QUOTED=a '\''b'\'' \"c\" $d =e"],' \
        '"Entrypoint":["/usr/local/bin/entrypoint"],"Cmd":["/bin/sh","-c","echo from cmd"],"WorkingDir":"/data/work",' \
        '"Labels":{"org.example.testbed":"1"}},"rootfs":{"type":"layers","diff_ids":[' "$(joined "${diff_ids[@]}")" ']}}' \
        >"config.$architecture"
}

# write_manifest ARCHITECTURE PACKING LAYER…: the file manifest.ARCHITECTURE.PACKING, and its blobs.
write_manifest() {
    local architecture=$1 packing=$2 suffix layers=() layer
    shift 2
    case $packing in plain) suffix= ;; *) suffix=+$packing ;; esac
    for layer; do
        pack "$layer" "$packing"
        layers+=("$(descriptor "$oci.layer.v1.tar$suffix" "$layer.$packing")")
    done
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$oci.manifest.v1+json" \
        "$(descriptor "$oci.config.v1+json" "config.$architecture")" "$(joined "${layers[@]}")" >"manifest.$architecture.$packing"
}

# As BuildKit does: a manifest that is no image, beside the images of an index.
write_attestation() {
    printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[]}' >statement
    printf '{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(digest statement)" >config.unknown
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$oci.manifest.v1+json" \
        "$(descriptor "$oci.config.v1+json" config.unknown)" "$(descriptor application/vnd.in-toto+json statement)" >manifest.unknown
}

platform() { printf ',"platform":{"architecture":"%s","os":"%s"%s}' "$1" "$2" "${3-}"; }

tagged() { printf ',"annotations":{"org.opencontainers.image.ref.name":"%s"}' "$1"; }

write_index() {
    local of images
    of="sha256:$(digest manifest.amd64.gzip)"
    images=$(joined "$(descriptor "$oci.manifest.v1+json" manifest.arm64.gzip "$(platform arm64 linux ',"variant":"v8"')")" \
        "$(descriptor "$oci.manifest.v1+json" manifest.amd64.gzip "$(platform amd64 linux)")")
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s,%s]}' "$oci.index.v1+json" "$images" \
        "$(descriptor "$oci.manifest.v1+json" manifest.unknown "$(platform unknown unknown),\"annotations\":{\"vnd.docker.reference.digest\":\"$of\",\"vnd.docker.reference.type\":\"attestation-manifest\"}")" \
        >index.multi
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$oci.index.v1+json" "$images" >index.platforms
}

write_layout() {
    local packing index entries=()
    for packing in gzip zstd plain; do
        entries+=("$(descriptor "$oci.manifest.v1+json" "manifest.amd64.$packing" "$(tagged "$packing")")")
        printf '%s sha256:%s\n' "$packing" "$(digest "manifest.amd64.$packing")"
    done
    for index in multi platforms; do
        entries+=("$(descriptor "$oci.index.v1+json" "index.$index" "$(tagged "$index")")")
        printf '%s sha256:%s\n' "$index" "$(digest "index.$index")"
    done
    printf '{"schemaVersion":2,"manifests":[%s]}' "$(joined "${entries[@]}")" >"$dir/layout/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/layout/oci-layout"
}

build() {
    local layer packing
    umask 022
    mkdir -p "$dir/layout/blobs/sha256"
    cd "$work"
    for layer in 1 2 3 4 arm64; do
        mkdir "$layer"
        (cd "$layer" && "make_layer_$layer")
        make_tar "$layer"
    done
    write_config amd64 1 2 3 4
    write_config arm64 arm64
    for packing in gzip zstd plain; do write_manifest amd64 "$packing" 1 2 3 4; done
    write_manifest arm64 gzip arm64
    write_attestation
    write_index
    write_layout
}

copy() { skopeo --insecure-policy copy --quiet "$@" || fail "skopeo copy failed: $*"; }

archives() {
    copy "oci:$dir/layout:gzip" "oci-archive:$dir/oci.tar:testbed/image:latest"
    copy "oci:$dir/layout:gzip" "docker-archive:$dir/docker.tar:testbed/image:latest"
}

unpack() {
    local as=() rootless=()
    if [[ -n $owner ]]; then
        as=(setpriv --reuid "$owner" --regid "$owner" --clear-groups --)
        install -d -o "$owner" -g "$owner" "$dir/rootfs"
    fi
    if [[ -n $owner || $EUID != 0 ]]; then rootless=(--rootless); fi
    "${as[@]}" umoci raw unpack "${rootless[@]}" --image "$dir/layout:gzip" "$dir/rootfs" >"$work/umoci.log" 2>&1 \
        || { cat "$work/umoci.log" >&2; fail "umoci could not unpack $dir/layout"; }
    describe >"$dir/expected"
}

describe() {
    local type mode size path target hash
    while IFS=$'\t' read -r -d '' type mode size path target; do
        hash=-
        if [[ $type == f ]]; then hash=$(digest "$dir/rootfs/$path"); else size=0; fi
        printf '%s %s %s %s %s%s\n' "$type" "$mode" "$size" "$hash" "$path" "${target:+ -> $target}"
    done < <(find "$dir/rootfs" -mindepth 1 -printf '%y\t%04m\t%s\t%P\t%l\0' | sort -z -t $'\t' -k 4,4)
}

# What a complete DIR was built from: another recipe, busybox or owner means another build.
recipe() { printf 'recipe 1 busybox %s owner %s' "$(digest "$busybox")" "${owner:-$EUID}"; }

make_image() {
    local final=$dir
    if [[ -f $final/complete ]]; then
        if [[ $(<"$final/complete") == "$(recipe)" ]]; then
            note "$dir is there"
            return
        fi
        remove_tree "$final"
    fi
    [[ ! -e $final ]] || fail "$final exists and was not made by this script"
    dir=$final.partial
    remove_tree "$dir"
    mkdir -p "$dir/work"
    work=$dir/work
    build >"$dir/digests"
    archives
    unpack
    cd /
    remove_tree "$work"
    recipe >"$dir/complete"
    mv -T "$dir" "$final"
    dir=$final
    note "made $dir in $SECONDS s"
}

# push_tag SOURCE TAG [OPTION…]: copies layout:SOURCE to the registry and prints the tag's digest there.
push_tag() {
    local source=$1 tag=$2 digest_file
    shift 2
    digest_file=$(mktemp)
    copy --dest-tls-verify=false "${creds[@]}" --digestfile "$digest_file" "$@" "oci:$dir/layout:$source" "docker://$push:$tag"
    printf '%s %s\n' "$tag" "$(<"$digest_file")"
    rm -f "$digest_file"
}

push_image() {
    local tag
    for tag in gzip zstd plain; do push_tag "$tag" "$tag" --preserve-digests >/dev/null; done
    for tag in multi platforms; do push_tag "$tag" "$tag" --preserve-digests --all >/dev/null; done
    push_tag gzip docker --format v2s2
    push_tag gzip latest --format v2s2
    push_tag platforms multi-docker --format v2s2 --all
    note "pushed it to $push"
}

parse() {
    (($# >= 1)) || fail "usage: image.sh DIR [--push ADDRESS/NAME] [--creds USER:PASSWORD] [--owner UID]"
    dir=$(realpath -m -- "$1")
    shift
    while (($# > 0)); do
        case $1 in
            --push) take_value "$1" $#; push=$2 ;;
            --creds) take_value "$1" $#; creds=(--dest-creds "$2") ;;
            --owner) take_value "$1" $#; owner=$2; need_root ;;
            *) fail "unknown option $1" ;;
        esac
        shift 2
    done
}

main() {
    parse "$@"
    need_command skopeo umoci zstd gzip busybox
    make_image
    cat "$dir/digests"
    if [[ -n $push ]]; then push_image; fi
}

main "$@"
