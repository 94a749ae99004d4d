"""Runs parts of winnow on a processor that this machine is not: Bochs boots a Linux that holds nothing but them.

    apt-get install bochs bochsbios vgabios bochs-term isolinux syslinux-common xorriso cpio busybox-static
    (cd /tmp && apt-get download linux-image-6.1.0-NN-cloud-amd64)     unpacked here, never installed
    make tests
    python3 tests/emulate/emulate.py --kernel /tmp/linux-image-*.deb -o /tmp/emulated limits plans threads

So the AVX-512 kernels, oneDNN's products of that class and the choice between classes run on machines without AVX-512.

    --cpu               class             VNNI   Bochs
    corei7_skylake_x    cpu-avx512        no     2.7 (Debian 12)
    corei7_icelake_u    cpu-avx512        yes    3.0
    sapphire_rapids     cpu-avx512_bf16   yes    3.0

Bochs 3.0 is Debian 13's; on Debian 12 its source builds with ./configure --enable-x86-64 --enable-avx --enable-evex --enable-amx
--enable-all-optimizations --with-nogui && make, for --bochs PATH --display nogui.

Suites are the functions of guest.sh. FOLDER gets the guest's console (serial.txt), what Bochs says (terminal.txt) and its log. Booting takes half a minute of
a core, a product of floats about a thousand times what it takes on the processor itself: this is no part of `make check`.
Exit code 0: all commands of all suites ended well.
"""

import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, ROOT)
from tests.e2e import make  # noqa: E402
END = "emulation ends"
# Whose saved state Linux and Bochs do not agree on; no kernel of ours uses them.
WITHOUT = {"corei7_icelake_u": "pku", "sapphire_rapids": "amx,amx_int8,amx_bf16,la57"}
# Linux takes FSRM (580) to mean ERMS, which it switches off on Bochs, and short moves then go wrong; the clock of the processor
# is what `ips` says.
APPEND = "initrd=initrd console=ttyS0,115200 rdinit=/init mitigations=off panic=1 lpj=100000 tsc_early_khz=20000 clearcpuid=580"
SYSLINUX = ("/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32")

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
exec < /dev/null > /dev/ttyS0 2>&1
. /guest.sh
processor
for suite in {suites}; do $suite; done
echo "{end}: $failed failed"
sleep 3600
"""

BOCHS = """config_interface: textconfig
display_library: {display}
cpu: model={cpu}, count=1, ips=20000000, reset_on_triple_fault=0{without}
megs: {memory}
romimage: file={bios}
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={folder}/guest.iso, status=inserted
boot: cdrom
clock: sync=none, time0=1700000000
com1: enabled=1, mode=file, dev={folder}/serial.txt
log: {folder}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
"""


def libraries(paths):
    """Every shared library that the programs need, by ldd, and the loader itself."""
    said = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/[^\s:]+\.so[^\s:]*) \(0x", said)))


def copy_tree(build, shared, names, root):
    """The program, its modules, the unit tests and what these read, as the working tree has them."""
    programs = {os.path.join(build, "winnow") if os.path.exists(os.path.join(build, "winnow")) else os.path.join(ROOT, "winnow"): "winnow/winnow"}
    modules = os.path.join(build, "modules")
    for name in os.listdir(modules):
        if name.endswith(".so"):
            programs[os.path.join(modules, name)] = f"winnow/modules/{name}"
    for name in names:
        programs[os.path.join(build, "tests/unit", name + "_test")] = f"winnow/tests/unit/{name}_test"
    programs["/usr/bin/zstd"] = "bin/zstd"
    for source, target in programs.items():
        place = os.path.join(root, target)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        subprocess.run(["strip", "-o", place, source], check=True)
    for library in libraries(programs):
        place = root + library
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(library, place)
    for folder in ("tests/data/clip-tiny", "tests/data/pictures", "filters/clip/builtin"):
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(root, "winnow", folder))
    shutil.copy(os.path.join(ROOT, "tests/data/one-page.warc"), os.path.join(root, "winnow/tests/data"))
    make_rows(next(iter(programs)), os.path.join(root, "rows"))
    if os.path.isdir(os.path.join(shared, "data/clip")):
        shutil.copytree(os.path.join(shared, "data/clip"), os.path.join(root, "shared/data/clip"))


def make_rows(program, folder):
    """Rows with small pictures, fetched outside: inside, their decoding would take most of the time."""
    os.makedirs(folder)
    warc = os.path.join(folder, "crawl.warc.gz")
    with open(warc, "wb") as file:
        file.write(make.crawl(6))
    subprocess.run([program, "extract", "-q", "-o", f"{folder}/1/", warc], check=True)
    subprocess.run([program, "fetch", "-q", "--from-warc", warc, "-o", f"{folder}/2/", f"{folder}/1/00000.rows.zst"], check=True)


def make_root(arguments, root):
    for folder in ("bin", "proc", "sys", "dev", "tmp", "lib64"):
        os.makedirs(os.path.join(root, folder))
    shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
    shutil.copy(os.path.join(HERE, "guest.sh"), root)
    with open(os.path.join(HERE, "guest.sh"), encoding="utf-8") as file:
        names = sorted(set(re.findall(r"(?m)(?:^ +|\{ )unit ([a-z_0-9]+)", file.read())))
    copy_tree(arguments.build, arguments.shared, names, root)
    init = os.path.join(root, "init")
    with open(init, "w", encoding="utf-8") as file:
        file.write(INIT.format(suites=" ".join(arguments.suites), end=END))
    os.chmod(init, 0o755)


def make_iso(arguments, folder):
    root, iso = os.path.join(folder, "root"), os.path.join(folder, "iso")
    for old in (root, iso):
        shutil.rmtree(old, ignore_errors=True)
        os.makedirs(old)
    make_root(arguments, root)
    kernel = os.path.join(folder, "kernel")
    shutil.rmtree(kernel, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", arguments.kernel, kernel], check=True)
    (image,) = [name for name in os.listdir(os.path.join(kernel, "boot")) if name.startswith("vmlinuz")]
    shutil.move(os.path.join(kernel, "boot", image), os.path.join(iso, "linux"))
    shutil.rmtree(kernel)
    with open(os.path.join(iso, "initrd"), "wb") as file:
        subprocess.run("find . | cpio -o -H newc --quiet", shell=True, cwd=root, stdout=file, check=True)
    shutil.rmtree(root)
    for name in SYSLINUX:
        shutil.copy(name, iso)
    with open(os.path.join(iso, "isolinux.cfg"), "w", encoding="utf-8") as file:
        file.write(f"DEFAULT linux\nLABEL linux\n KERNEL linux\n APPEND {APPEND} {arguments.append}\n")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", os.path.join(folder, "guest.iso"), "-b", "isolinux.bin", "-c", "boot.cat",
                    "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", iso], check=True)
    shutil.rmtree(iso)


def drain(terminal, path):
    with open(path, "wb") as file:
        try:
            while data := os.read(terminal, 4096):
                file.write(data)
                file.flush()
        except OSError:
            pass


def follow(serial, seen):
    """Prints what the guest says; the number of lines so far, and the last one that ends it."""
    with open(serial, encoding="utf-8", errors="replace") as file:
        lines = file.read().replace("\r", "").split("\n")[:-1]
    for line in lines[seen:]:
        print(line, flush=True)
        if line.startswith(END):
            return len(lines), line
    return len(lines), None


def boot(arguments, folder):
    serial = os.path.join(folder, "serial.txt")
    open(serial, "w", encoding="utf-8").close()
    settings = os.path.join(folder, "bochsrc")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(BOCHS.format(folder=folder, display=arguments.display, cpu=arguments.cpu, memory=arguments.memory, bios=arguments.bios,
                                without=f', exclude_features="{WITHOUT[arguments.cpu]}"' if arguments.cpu in WITHOUT else ""))
    command = [arguments.bochs, "-q", "-f", settings]
    if "-rc filename" in subprocess.run([arguments.bochs, "--help"], capture_output=True, text=True, check=False).stderr:
        with open(os.path.join(folder, "debugger"), "w", encoding="utf-8") as file:  # Debian's Bochs has its debugger compiled in
            file.write("continue\n")
        command += ["-rc", os.path.join(folder, "debugger")]
    ours, its = pty.openpty()  # the text display wants a terminal
    bochs = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"})
    threading.Thread(target=drain, args=(ours, os.path.join(folder, "terminal.txt")), daemon=True).start()
    began, seen, end = time.time(), 0, None
    try:
        while not end and bochs.poll() is None and time.time() - began < arguments.limit:
            time.sleep(1)
            seen, end = follow(serial, seen)
    finally:
        bochs.kill()
        bochs.wait()
    print(f"{arguments.cpu}: {end or 'did not end'}; {time.time() - began:.0f} s")
    return 0 if end == f"{END}: 0 failed" else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", required=True, help="Debian's linux-image package")
    parser.add_argument("--cpu", default="corei7_skylake_x", help="a model of `bochs --help cpu`")
    parser.add_argument("--bochs", default="bochs")
    parser.add_argument("--bios", default="/usr/share/bochs/BIOS-bochs-latest")
    parser.add_argument("--display", default="term")
    parser.add_argument("--memory", type=int, default=1024, help="megabytes")
    parser.add_argument("--append", default="", help="more for the kernel's command line")
    parser.add_argument("--limit", type=int, default=7200, help="seconds")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--shared", default=os.path.join(ROOT, "../shared"), help="test data beside the checkout")
    parser.add_argument("-o", dest="folder", required=True, help="folder for the guest, its console and the log")
    parser.add_argument("suites", nargs="+")
    arguments = parser.parse_args()
    folder = os.path.abspath(arguments.folder)
    os.makedirs(folder, exist_ok=True)
    make_iso(arguments, folder)
    return boot(arguments, folder)


if __name__ == "__main__":
    sys.exit(main())
