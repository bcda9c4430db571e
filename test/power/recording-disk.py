# A disk that writes down what a file system does to it: a folder with one file, disk.img, over which a loop device goes.
#
#   recording-disk.py IMAGE FOLDER RECORD
#
# Each entry of RECORD: when it came (seconds of the monotonic clock, 64-bit float), `W` or `F`, the offset (64 bits) and the
# length (32 bits), little-endian, and the octets. `F` is a flush: what was written before it has outlived the loss of power when
# it is answered. One thread does all of it, so that an entry begins when the one before it is over.

import errno
import os
import stat
import struct
import sys
import time

from fusepy import FUSE, FuseOSError, Operations

IMAGE, FOLDER, RECORD = sys.argv[1:]


class RecordingDisk(Operations):
    def __init__(self):
        self.image = os.open(IMAGE, os.O_RDWR)
        self.record = open(RECORD, 'wb', buffering=1 << 20)

    def note(self, kind, offset=0, octets=b''):
        self.record.write(struct.pack('<dcQI', time.monotonic(), kind, offset, len(octets)) + octets)

    def getattr(self, path, handle=None):
        if path == '/':
            return {'st_mode': stat.S_IFDIR | 0o700, 'st_nlink': 2}
        if path == '/disk.img':
            return {'st_mode': stat.S_IFREG | 0o600, 'st_nlink': 1, 'st_size': os.fstat(self.image).st_size}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path, handle):
        return ['.', '..', 'disk.img']

    def open(self, path, flags):
        return self.image

    def read(self, path, size, offset, handle):
        return os.pread(self.image, size, offset)

    def write(self, path, octets, offset, handle):
        self.note(b'W', offset, octets)
        return os.pwrite(self.image, octets, offset)

    def fsync(self, path, datasync, handle):
        self.note(b'F')
        return 0

    def flush(self, path, handle):
        return 0

    def release(self, path, handle):
        return 0

    def fallocate(self, path, mode, offset, length, handle):
        raise FuseOSError(errno.EOPNOTSUPP)

    def destroy(self, path):
        self.record.close()


FUSE(RecordingDisk(), FOLDER, foreground=True, nothreads=True, big_writes=True, max_write=131072)
