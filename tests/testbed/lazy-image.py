#!/usr/bin/env python3
"""Repacks the layers of an OCI layout so that they can be read piece by piece.

    lazy-image.py SOURCE TARGET [--format estargz|stargz|containers|snapshotter] [--chunk BYTES] [--share BYTES]
                  [--first FILE] [--level N]

SOURCE and TARGET are OCI layout directories (index.json, blobs/). Every image manifest of SOURCE is repacked, one after
the other; tags stay. The archives stay what they are, byte for byte, except that eStargz adds the table of contents and
landmarks as files, so that diffIDs change. --first names a file with paths, one a line, that come before the prefetch
landmark. --share lets files share a gzip member until it has so many bytes (innerOffset). The result is an ordinary
image: gunzip or zstd and tar unpack it.
"""
import argparse, base64, calendar, ctypes, gzip, hashlib, io, json, os, shutil, struct, sys, tarfile, time, zlib

HIDDEN = (".prefetch.landmark", ".no.prefetch.landmark", "stargz.index.json")
TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Zstd:
    def __init__(self):
        lib = self.lib = ctypes.CDLL("libzstd.so.1")
        lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = lib.ZSTD_decompressStream.restype = ctypes.c_size_t
        lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
        lib.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]

    def pack(self, data, level):
        room = self.lib.ZSTD_compressBound(len(data))
        out = ctypes.create_string_buffer(room)
        length = self.lib.ZSTD_compress(out, room, data, len(data), level)
        return out.raw[:length]


class Blob:
    """A blob in the making: bytes are gathered and become a member or frame when it is cut."""

    def __init__(self, path, options):
        self.out = open(path, "wb")
        self.digest = hashlib.sha256()
        self.plain = hashlib.sha256()
        self.options = options
        self.zstd = Zstd() if options.format in ("containers", "snapshotter") else None
        self.gathered = []
        self.size = self.length = 0

    def raw(self, data):
        self.out.write(data)
        self.digest.update(data)
        self.length += len(data)

    def add(self, data):
        self.plain.update(data)
        self.gathered.append(data)
        self.size += len(data)

    def cut(self):
        if self.size:
            self.raw(self.pack(b"".join(self.gathered)))
            self.gathered, self.size = [], 0

    def pack(self, data):
        if self.zstd:
            return self.zstd.pack(data, self.options.level)
        deflate = zlib.compressobj(self.options.level, zlib.DEFLATED, 31)
        return deflate.compress(data) + deflate.flush()


def header(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mode = size, kind, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def describe(info):
    kinds = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char",
             tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}
    seconds = min(max(float(info.pax_headers.get("mtime", info.mtime)), 0), 2e11)
    entry = {"name": info.name, "type": kinds.get(info.type, "reg"), "mode": info.mode, "uid": info.uid, "gid": info.gid,
             "modtime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))}
    if entry["type"] == "reg" and info.size:
        entry["size"] = info.size
    if info.linkname:
        entry["linkName"] = info.linkname
    xattrs = {key[len("SCHILY.xattr."):]: base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
              for key, value in info.pax_headers.items() if key.startswith("SCHILY.xattr.")}
    if xattrs:
        entry["xattrs"] = xattrs
    return entry


class Packer:
    def __init__(self, path, options):
        self.blob, self.options, self.entries = Blob(path, options), options, []

    def file(self, entry, data):
        """The payload of a file, in chunks; each is a member of its own unless members are shared."""
        step = self.options.chunk
        whole = hashlib.sha256()
        for at in range(0, len(data), step):
            chunk = data[at:at + step]
            whole.update(chunk)
            if self.blob.size > self.options.share or at > 0 or len(data) > step:
                self.blob.cut()
            place = entry if at == 0 else {"name": entry["name"], "type": "chunk", "chunkOffset": at}
            place["offset"] = self.blob.length
            if self.blob.size:
                place["innerOffset"] = self.blob.size
            if len(data) > step:
                place["chunkSize"] = len(chunk)
            if self.options.format != "stargz" and (len(data) > step or self.options.format != "containers"):
                place["chunkDigest"] = sha(chunk)
            if at > 0:
                self.entries.append(place)
            self.blob.add(chunk)
        if len(data):
            entry["digest"] = "sha256:" + whole.hexdigest()
            if self.options.format == "containers":
                self.blob.cut()
                entry["endOffset"] = self.blob.length

    def landmark(self, name):
        self.blob.add(header(name, 1))
        entry = {"name": name, "type": "reg", "size": 1, "mode": 0o644, "modtime": "1970-01-01T00:00:00Z"}
        self.entries.append(entry)
        if not self.options.share:
            self.blob.cut()
        self.file(entry, b"\x0f")
        self.blob.add(bytes(511))

    def toc(self):
        return json.dumps({"version": 1, "entries": self.entries}, separators=(",", ":")).encode()

    def finish(self):
        """The end of the blob. Gives annotations."""
        blob, estargz = self.blob, self.options.format in ("estargz", "stargz")
        annotations = {}
        toc = self.toc()
        if estargz:
            blob.cut()
            at = blob.length
            blob.add(header("stargz.index.json", len(toc)))
            blob.add(toc + bytes(-len(toc) % 512) + bytes(1024))
            blob.cut()
            place = b"%016xSTARGZ" % at
            extra = place if self.options.format == "stargz" else b"SG\x16\0" + place
            blob.raw(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(extra)) + extra + b"\x01\0\0\xff\xff" + bytes(8))
            if self.options.format == "estargz":
                annotations = {TOC_DIGEST: sha(toc)}
        else:
            blob.add(bytes(1024))
            blob.cut()
            packed = blob.pack(toc)
            at = blob.length + 8
            blob.raw(struct.pack("<II", 0x184D2A50, len(packed)) + packed)
            if self.options.format == "containers":
                footer = struct.pack("<7Q", at, len(packed), len(toc), 1, 0, 0, 0) + b"GNUlInUx"
                prefix = "io.github.containers.zstd-chunked."
            else:
                footer = struct.pack("<4Q", at, len(packed), len(toc), 1) + b"GnUlInUx"
                prefix = "io.containers.zstd-chunked."
                annotations = {TOC_DIGEST: sha(toc)}
            blob.raw(struct.pack("<II", 0x184D2A50, len(footer)) + footer)
            annotations[prefix + "manifest-checksum"] = sha(packed)
            annotations[prefix + "manifest-position"] = "%d:%d:%d:1" % (at, len(packed), len(toc))
        blob.out.close()
        return annotations


def clean(name):
    return os.path.normpath("/" + name).lstrip("/")


def repack(tar, path, options, first):
    """One archive (a file) into one blob. Members whose names are in first come before the landmark."""
    packer = Packer(path, options)
    size = 0
    archive = tarfile.open(fileobj=tar, mode="r:", errors="surrogateescape")
    members = archive.getmembers()
    wanted = [m for m in members if clean(m.name) in first and m.isfile()]
    order = {clean(m.name) for m in wanted}
    rest = [m for m in members if clean(m.name) not in order]

    def take(info):
        nonlocal size
        tar.seek(info.offset)
        packer.blob.add(tar.read(info.offset_data - info.offset))
        entry = describe(info)
        packer.entries.append(entry)
        if info.isfile() and info.size:
            data = tar.read(info.size)
            size += len(data)
            packer.file(entry, data)
            packer.blob.add(bytes(-info.size % 512))

    for info in wanted:
        take(info)
    if options.format == "estargz":
        packer.landmark(".prefetch.landmark" if wanted else ".no.prefetch.landmark")
    for info in rest:
        take(info)
    annotations = packer.finish()
    annotations["io.containers.estargz.uncompressed-size"] = str(size)
    return packer.blob, annotations


def unpacked(path, work):
    """A layer blob as an archive on disk."""
    with open(path, "rb") as blob:
        magic = blob.read(4)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(path, "rb") as source, open(work, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return work
    if magic == b"\x28\xb5\x2f\xfd":
        os.system("zstd -dqf %s -o %s" % (path, work))
        return work
    return path


def store(target, data):
    digest = sha(data)
    with open(os.path.join(target, "blobs/sha256", digest[7:]), "wb") as out:
        out.write(data)
    return digest, len(data)


def convert(manifest, source, target, options, first):
    blobs = os.path.join(target, "blobs/sha256")
    with open(os.path.join(source, "blobs/sha256", manifest["config"]["digest"][7:]), "rb") as f:
        config = json.load(f)
    zstd = options.format in ("containers", "snapshotter")
    diff_ids, layers = [], []
    for layer in manifest["layers"]:
        work = os.path.join(blobs, "work")
        tar = unpacked(os.path.join(source, "blobs/sha256", layer["digest"][7:]), work)
        with open(tar, "rb") as archive:
            blob, annotations = repack(archive, os.path.join(blobs, "blob"), options, first)
        if os.path.exists(work):
            os.unlink(work)
        digest = "sha256:" + blob.digest.hexdigest()
        os.replace(os.path.join(blobs, "blob"), os.path.join(blobs, digest[7:]))
        diff_ids.append("sha256:" + blob.plain.hexdigest())
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+" + ("zstd" if zstd else "gzip"),
                       "digest": digest, "size": blob.length, "annotations": annotations})
    config["rootfs"]["diff_ids"] = diff_ids
    digest, size = store(target, json.dumps(config).encode())
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size}, "layers": layers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--format", default="estargz", choices=["estargz", "stargz", "containers", "snapshotter"])
    parser.add_argument("--chunk", type=int, default=4 << 20)
    parser.add_argument("--share", type=int, default=0)
    parser.add_argument("--first")
    parser.add_argument("--level", type=int, default=4)
    options = parser.parse_args()
    first = set()
    if options.first:
        with open(options.first, encoding="utf-8", errors="surrogateescape") as names:
            first = {clean(line.rstrip("\n")) for line in names if line.strip()}
    os.makedirs(os.path.join(options.target, "blobs/sha256"), exist_ok=True)
    with open(os.path.join(options.source, "index.json"), encoding="utf-8") as f:
        index = json.load(f)
    for entry in index["manifests"]:
        with open(os.path.join(options.source, "blobs/sha256", entry["digest"][7:]), encoding="utf-8") as f:
            manifest = json.load(f)
        if "layers" not in manifest:
            sys.exit("lazy-image: %s is no image manifest; take one platform's image" % entry["digest"])
        entry["digest"], entry["size"] = store(options.target, json.dumps(convert(manifest, options.source, options.target, options, first)).encode())
        entry["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    with open(os.path.join(options.target, "index.json"), "w", encoding="utf-8") as f:
        json.dump(index, f)
    shutil.copy(os.path.join(options.source, "oci-layout"), options.target)


main()
