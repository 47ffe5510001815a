/* LD_PRELOAD: make the Nth write, fsync, rename… below one directory fail. Armed from Python (tests/chaos.py).
   Every library of the night goes through libc: Python, SQLite, DuckDB, polars, pyarrow.
   And note each file below one directory that is opened, read or written (OUVERTURES_SOUS, OUVERTURES_JOURNAL): these come
   through the environment, so that the processes which the night starts are seen too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char racine[PATH_MAX];
static atomic_long compte, cible;
static int code, toujours;
static char faute[PATH_MAX + 64];

/* `rang` 0: only count. `suite`: every later call fails too (a disk that stays full). */
void pannes_armer(const char *dossier, long rang, int erreur, int suite) {
    strncpy(racine, dossier, sizeof racine - 1);
    atomic_store(&compte, 0);
    code = erreur;
    toujours = suite;
    faute[0] = 0;
    atomic_store(&cible, rang);
}
long pannes_compte(void) { return atomic_load(&compte); }
const char *pannes_faute(void) { return faute; }

static int panne(const char *appel, const char *chemin) {
    if (!racine[0] || !chemin || strncmp(chemin, racine, strlen(racine)) != 0) return 0;
    long rang = atomic_fetch_add(&compte, 1) + 1, vise = atomic_load(&cible);
    if (!vise || rang < vise || (rang > vise && !toujours)) return 0;
    if (rang == vise) snprintf(faute, sizeof faute, "%s %s", appel, chemin + strlen(racine));
    errno = code;
    return 1;
}

static int panne_fd(const char *appel, int fd) {
    char lien[64], chemin[PATH_MAX];
    int sauve = errno;
    if (!racine[0]) return 0;
    snprintf(lien, sizeof lien, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(lien, chemin, sizeof chemin - 1);
    errno = sauve;
    if (n < 0) return 0;
    chemin[n] = 0;
    return panne(appel, chemin);
}

static int panne_a(const char *appel, int dossier, const char *nom) {
    char lien[64], chemin[PATH_MAX];
    if (!racine[0] || !nom) return 0;
    if (nom[0] == '/') return panne(appel, nom);
    if (dossier == AT_FDCWD) return 0;
    snprintf(lien, sizeof lien, "/proc/self/fd/%d", dossier);
    ssize_t n = readlink(lien, chemin, sizeof chemin - 1);
    if (n < 0) return 0;
    snprintf(chemin + n, sizeof chemin - n, "/%s", nom);
    return panne(appel, chemin);
}

static const char *sous, *journal;
__attribute__((constructor)) static void lire_environnement(void) {
    sous = getenv("OUVERTURES_SOUS");
    journal = getenv("OUVERTURES_JOURNAL");
}

/* One line per open that succeeded, `pid r|w path`, where the descriptor really leads; directories are not files.
   Appended by system calls of our own, each line at once, through a descriptor that nobody can close or inherit. */
static int noter(int fd, int ecrit) {
    char lien[64], ligne[PATH_MAX + 64];
    struct stat vu;
    int sauve = errno;
    if (fd < 0 || !sous || !journal) return fd;
    int debut = snprintf(ligne, 64, "%d %c ", getpid(), ecrit ? 'w' : 'r');
    snprintf(lien, sizeof lien, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(lien, ligne + debut, PATH_MAX - 1);
    if (n > 0) {
        ligne[debut + n] = 0;
        for (char *c = ligne + debut; (c = strchr(c, '\n'));) *c = '?';
        if (strncmp(ligne + debut, sous, strlen(sous)) == 0 && fstat(fd, &vu) == 0 && !S_ISDIR(vu.st_mode)) {
            ligne[debut + n] = '\n';
            int sortie = syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
            if (sortie < 0 || syscall(SYS_write, sortie, ligne, debut + n + 1) != debut + n + 1) abort();
            syscall(SYS_close, sortie);
        }
    }
    errno = sauve;
    return fd;
}

#define VRAI(type, nom, ...) static type (*vrai)(__VA_ARGS__); if (!vrai) vrai = dlsym(RTLD_NEXT, nom)

ssize_t write(int fd, const void *b, size_t n) {
    VRAI(ssize_t, "write", int, const void *, size_t);
    return panne_fd("write", fd) ? -1 : vrai(fd, b, n);
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    VRAI(ssize_t, "writev", int, const struct iovec *, int);
    return panne_fd("writev", fd) ? -1 : vrai(fd, v, n);
}
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
    VRAI(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return panne_fd("pwrite", fd) ? -1 : vrai(fd, b, n, o);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) {
    VRAI(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return panne_fd("pwrite", fd) ? -1 : vrai(fd, b, n, o);
}
ssize_t sendfile(int out, int in, off_t *o, size_t n) {
    VRAI(ssize_t, "sendfile", int, int, off_t *, size_t);
    return panne_fd("sendfile", out) ? -1 : vrai(out, in, o, n);
}
ssize_t sendfile64(int out, int in, off64_t *o, size_t n) {
    VRAI(ssize_t, "sendfile64", int, int, off64_t *, size_t);
    return panne_fd("sendfile", out) ? -1 : vrai(out, in, o, n);
}
ssize_t copy_file_range(int in, off64_t *oi, int out, off64_t *oo, size_t n, unsigned f) {
    VRAI(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    return panne_fd("copy_file_range", out) ? -1 : vrai(in, oi, out, oo, n, f);
}
int ftruncate(int fd, off_t n) {
    VRAI(int, "ftruncate", int, off_t);
    return panne_fd("ftruncate", fd) ? -1 : vrai(fd, n);
}
int ftruncate64(int fd, off64_t n) {
    VRAI(int, "ftruncate64", int, off64_t);
    return panne_fd("ftruncate", fd) ? -1 : vrai(fd, n);
}
int fsync(int fd) {
    VRAI(int, "fsync", int);
    return panne_fd("fsync", fd) ? -1 : vrai(fd);
}
int fdatasync(int fd) {
    VRAI(int, "fdatasync", int);
    return panne_fd("fdatasync", fd) ? -1 : vrai(fd);
}
int syncfs(int fd) {
    VRAI(int, "syncfs", int);
    return panne_fd("syncfs", fd) ? -1 : vrai(fd);
}
int rename(const char *a, const char *b) {
    VRAI(int, "rename", const char *, const char *);
    return panne("rename", b) ? -1 : vrai(a, b);
}
int renameat(int da, const char *a, int db, const char *b) {
    VRAI(int, "renameat", int, const char *, int, const char *);
    return panne_a("rename", db, b) ? -1 : vrai(da, a, db, b);
}
int link(const char *a, const char *b) {
    VRAI(int, "link", const char *, const char *);
    return panne("link", b) ? -1 : vrai(a, b);
}
int linkat(int da, const char *a, int db, const char *b, int f) {
    VRAI(int, "linkat", int, const char *, int, const char *, int);
    return panne_a("link", db, b) ? -1 : vrai(da, a, db, b, f);
}
int symlink(const char *a, const char *b) {
    VRAI(int, "symlink", const char *, const char *);
    return panne("symlink", b) ? -1 : vrai(a, b);
}
int mkdir(const char *a, mode_t m) {
    VRAI(int, "mkdir", const char *, mode_t);
    return panne("mkdir", a) ? -1 : vrai(a, m);
}
int mkdirat(int d, const char *a, mode_t m) {
    VRAI(int, "mkdirat", int, const char *, mode_t);
    return panne_a("mkdir", d, a) ? -1 : vrai(d, a, m);
}
static int ouvrir_panne(int d, const char *a, int f) {
    return (f & (O_CREAT | O_WRONLY | O_RDWR)) ? panne_a("open", d, a) : 0;
}
#define MODE mode_t m = 0; if (f & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, f); m = va_arg(l, mode_t); va_end(l); }
#define ECRIT(f) (((f) & O_ACCMODE) != O_RDONLY)
int open(const char *a, int f, ...) {
    VRAI(int, "open", const char *, int, ...);
    MODE
    return ouvrir_panne(AT_FDCWD, a, f) ? -1 : noter(vrai(a, f, m), ECRIT(f));
}
int open64(const char *a, int f, ...) {
    VRAI(int, "open64", const char *, int, ...);
    MODE
    return ouvrir_panne(AT_FDCWD, a, f) ? -1 : noter(vrai(a, f, m), ECRIT(f));
}
int openat(int d, const char *a, int f, ...) {
    VRAI(int, "openat", int, const char *, int, ...);
    MODE
    return ouvrir_panne(d, a, f) ? -1 : noter(vrai(d, a, f, m), ECRIT(f));
}
int openat64(int d, const char *a, int f, ...) {
    VRAI(int, "openat64", int, const char *, int, ...);
    MODE
    return ouvrir_panne(d, a, f) ? -1 : noter(vrai(d, a, f, m), ECRIT(f));
}
/* What code compiled with _FORTIFY_SOURCE calls when the flags are not a constant. */
int __open_2(const char *a, int f) {
    VRAI(int, "__open_2", const char *, int);
    return ouvrir_panne(AT_FDCWD, a, f) ? -1 : noter(vrai(a, f), ECRIT(f));
}
int __open64_2(const char *a, int f) {
    VRAI(int, "__open64_2", const char *, int);
    return ouvrir_panne(AT_FDCWD, a, f) ? -1 : noter(vrai(a, f), ECRIT(f));
}
int __openat_2(int d, const char *a, int f) {
    VRAI(int, "__openat_2", int, const char *, int);
    return ouvrir_panne(d, a, f) ? -1 : noter(vrai(d, a, f), ECRIT(f));
}
int __openat64_2(int d, const char *a, int f) {
    VRAI(int, "__openat64_2", int, const char *, int);
    return ouvrir_panne(d, a, f) ? -1 : noter(vrai(d, a, f), ECRIT(f));
}
static FILE *noter_flux(FILE *flux, const char *mode) {
    if (flux) noter(fileno(flux), strpbrk(mode, "wa+") != NULL);
    return flux;
}
FILE *fopen(const char *a, const char *mode) {
    VRAI(FILE *, "fopen", const char *, const char *);
    return noter_flux(vrai(a, mode), mode);
}
FILE *fopen64(const char *a, const char *mode) {
    VRAI(FILE *, "fopen64", const char *, const char *);
    return noter_flux(vrai(a, mode), mode);
}
