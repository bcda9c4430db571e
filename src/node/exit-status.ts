// What the exit status of a process says: by the names of BSD's sysexits.h where it has one.

export const EXIT = {
  ok: 0,
  different: 1, //     what was compared is not as it was
  usage: 64, //        EX_USAGE
  noInput: 66, //      EX_NOINPUT: what is to be read or looked at is not there, or is of no use
  noUser: 67, //       EX_NOUSER
  unavailable: 69, //  EX_UNAVAILABLE: refused, or not to be had
  software: 70, //     EX_SOFTWARE: a fault of this program
  system: 71, //       EX_OSERR: no process, for example
  cannotCreate: 73, // EX_CANTCREAT
  ioFailed: 74, //     EX_IOERR: a disk, or what reads standard output
  temporary: 75, //    EX_TEMPFAIL
  noPermission: 77, // EX_NOPERM
  interrupted: 130, // as a shell says it of SIGINT: 128 + 2
} as const;
