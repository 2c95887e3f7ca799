#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lanefs shows processes as folders of files: whole, one snapshot an open file, whoever hangs or dies.

The processes are fake_service, which can also misbehave, and programs with Lane preloaded.
"""
import gzip
import ctypes
import errno
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time

from lanefs_common import answers, children, cleanup, end, equal, fails, fake, FILES, folder, lane_process, \
    listed, mnt, mount, mounted, no_lanefs, path, prepare, QUICK, read, run, run_lanefs, SEED, start, stop, \
    true, unmount, value, wait, whole, whole_skip, work

tests = []


class Skip(Exception):
    pass


def test(fn):
    tests.append(fn)
    return fn


def not_mounted():
    if mounted():
        unmount(lanefs)


@test
def each_process_is_a_folder_of_files_for_its_owner_only():
    p = fake()
    equal(sorted(os.listdir(path(p))), sorted(FILES), "files")
    equal(stat.filemode(os.stat(path(p)).st_mode), "dr-x------", "mode of the folder")
    for name in FILES:
        st = os.stat(path(p, name))
        equal(stat.filemode(st.st_mode), "-rw-------" if name == "conf" else "-r--------", "mode of " + name)
        equal((st.st_size, st.st_uid), (0, os.geteuid()), "size and owner of " + name)
    for name in "0 1x 01 -1 +%d %d.sock 99999999999 ." .split():
        name = name.replace("%d", str(p.pid))
        true(name == "." or not os.path.exists(mnt + "/" + name), "there is a " + name)
    true(not os.path.exists(path(p, "nothing")), "there is a file nothing")
    end(p)


@test
def the_sum_of_partial_reads_is_the_whole():
    p = fake()
    fd = os.open(path(p, "heapinfo"), os.O_RDONLY)
    want = whole(fd)
    equal(want.count(b"\n"), 3000, "lines")
    for size in (1, 3, 7, 61, 511, 777, 4095, 4096, 4097, 65537):
        os.lseek(fd, 0, os.SEEK_SET)
        got = b""
        while size < 61 and len(got) < 5000:  # a byte a time is slow
            got += os.read(fd, size)
        equal(got + whole(fd, max(size, 61)), want, "reads of %d" % size)
    pick = random.Random(SEED)
    for _ in range(500):
        off, size = pick.randrange(len(want) + 100), pick.randrange(1, 9000)
        equal(os.pread(fd, size, off), want[off:off + size], "%d bytes at %d" % (size, off))
    equal(os.pread(fd, 10, len(want)), b"", "at the end")
    equal(os.pread(fd, 10, 1 << 40), b"", "far behind the end")
    os.close(fd)
    end(p)


@test
def the_usual_tools_read_the_files():
    p = fake()
    f = path(p, "cpuinfo")

    def sh(command):
        return subprocess.run(["sh", "-c", command.replace("F", f)], stdout=subprocess.PIPE, check=True).stdout
    for command in ("cat F", "dd if=F bs=777 status=none", "dd if=F bs=1000 skip=0 status=none", "head -n 9999 F",
                    "tail -n +1 F", "grep generation F", "sed '' F", "cp F %s/copy; cat %s/copy" % (work, work)):
        lines = sh(command).splitlines()
        equal(len(lines), 3000, "lines by " + command)
        equal(len({x.split()[2] for x in lines}), 1, "snapshots in what %s shows" % command)
    equal(sh("head -n 1 F | cut -d' ' -f5"), b"0\n", "head")
    equal(sh("tail -n 1 F | cut -d' ' -f5"), b"2999\n", "tail")
    equal(sh("wc -l < F"), b"3000\n", "wc")
    end(p)


@test
def two_opens_are_two_snapshots_and_one_open_is_one():
    p = fake()
    a = os.open(path(p, "heapinfo"), os.O_RDONLY)
    b = os.open(path(p, "heapinfo"), os.O_RDONLY)
    first, second = whole(a), whole(b)
    true(first != second, "two opens show the same snapshot")
    os.lseek(a, 0, os.SEEK_SET)
    equal(whole(a), first, "a second read of the same open file")
    end(p)
    os.lseek(a, 0, os.SEEK_SET)
    equal(whole(a), first, "the open file after the process's end")
    os.close(a)
    os.close(b)


@test
def processes_appear_and_disappear():
    p, q = fake(), fake()
    true({str(p.pid), str(q.pid)} <= listed(), "not listed")
    true(os.path.exists(path(p)) and os.path.exists(path(q, "conf")), "listed, but not there")
    p.terminate()
    p.wait()
    true(str(p.pid) not in listed() and not os.path.exists(path(p)), "still there after its end")
    q.kill()
    os.waitid(os.P_PID, q.pid, os.WEXITED | os.WNOWAIT)
    true(str(q.pid) not in listed() and not os.path.exists(path(q)), "a zombie is there")
    q.wait()
    fails(errno.ENOENT, lambda: read(q, "heapinfo"), "a file of a killed process")
    true("%d.sock" % q.pid not in os.listdir(folder), "its socket was left behind")


@test
def a_folder_that_is_open_goes_with_its_process():
    p = fake()
    fd = os.open(path(p), os.O_RDONLY | os.O_DIRECTORY)
    end(p)
    fails(errno.ENOENT, lambda: os.open("heapinfo", os.O_RDONLY, dir_fd=fd), "a file in it")
    os.close(fd)


@test
def sockets_are_removed_only_where_no_process_lives():
    p = fake()
    alive = start(["sleep", "1000"])
    impostor = fake(number=alive.pid)
    true(str(alive.pid) not in listed(), "a socket of another process is shown")
    fails(errno.ENOENT, lambda: read(alive, "heapinfo"), "a file behind another process's socket")
    end(impostor)
    listed()
    true("%d.sock" % alive.pid in os.listdir(folder), "the socket of a live process was removed")
    end(alive)
    true(str(alive.pid) not in listed(), "a dead process is shown")
    true("%d.sock" % alive.pid not in os.listdir(folder), "a stale socket was left")
    with open("%s/%d.sock" % (folder, alive.pid), "w"):
        listed()
    true(os.path.exists("%s/%d.sock" % (folder, alive.pid)), "a file that is no socket was removed")
    os.unlink("%s/%d.sock" % (folder, alive.pid))
    end(p)


@test
def folders_of_another_mode_or_behind_a_link_are_not_used():
    p = fake()
    os.chmod(folder, 0o750)
    true(str(p.pid) not in listed(), "a folder of mode 0750 is used")
    os.chmod(folder, 0o700)
    true(str(p.pid) in listed(), "a folder of mode 0700 is not used")
    os.rename(folder, folder + ".real")
    os.symlink(folder + ".real", folder)
    true(str(p.pid) not in listed(), "a symbolic link is followed")
    os.unlink(folder)
    os.rename(folder + ".real", folder)
    end(p)


def timed(fn):
    begin = time.monotonic()
    fn()
    return time.monotonic() - begin


@test
def a_stopped_process_gives_EIO_within_a_second_and_blocks_nobody():
    p, q = fake(), fake()
    stop(p)
    spent = []

    def reader():
        spent.append(timed(lambda: fails(errno.EIO, lambda: read(p, "heapinfo"), "a stopped process")))
    readers = [threading.Thread(target=reader) for _ in range(40)]
    for t in readers:
        t.start()
    time.sleep(0.2)
    others = [timed(lambda: equal(read(q, "metrics").count(b"\n"), 3000, "lines")) for _ in range(20)]
    true(any(t.is_alive() for t in readers), "nobody hung meanwhile")
    true(str(p.pid) in listed(), "a stopped process is not listed")
    for t in readers:
        t.join()
    equal(len(spent), 40, "readers that got EIO")
    print("# 40 readers of a stopped process: %.2f s at most; of another one meanwhile: %.3f s" %
          (max(spent), max(others)))
    true(max(spent) < 1.6, "EIO came after %.2f s" % max(spent))
    true(max(others) < 0.5, "another process's file took %.2f s" % max(others))
    p.send_signal(signal.SIGCONT)
    wait("the process answers again", lambda: len(read(p, "heapinfo")) > 0)
    end(p, q)


@test
def a_process_that_dies_during_a_read_gives_EIO_at_once():
    p = fake("dies")
    spent = timed(lambda: fails(errno.EIO, lambda: read(p, "heapinfo"), "dies in the middle"))
    true(spent < 0.5, "EIO came after %.2f s" % spent)
    p.wait()
    p = fake("slow")
    threading.Timer(0.2, p.kill).start()
    spent = timed(lambda: fails(errno.EIO, lambda: read(p, "heapinfo"), "is killed in the middle"))
    true(0.1 < spent < 0.7, "EIO came after %.2f s" % spent)
    p.wait()


@test
def answers_outside_the_protocol_give_an_error_and_no_text():
    for how, number in (("garbage", errno.EIO), ("long", errno.EIO), ("huge", errno.EIO), ("wordy", errno.EIO),
                        ("extra", errno.EIO), ("slow", errno.EIO), ("silent", errno.EIO), ("deaf", errno.EIO),
                        ("error", errno.EAGAIN)):
        p = fake(how)
        spent = timed(lambda: fails(number, lambda: read(p, "heapinfo"), how))
        true(spent < 1.6, "%s: the error came after %.2f s" % (how, spent))
        end(p)


@test
def conf_takes_lines_and_refuses_bad_ones_whole():
    p = fake()

    def put(text, flags=os.O_WRONLY):
        fd = os.open(path(p, "conf"), flags)
        try:
            return os.write(fd, text)
        finally:
            os.close(fd)
    equal(put(b"decay_ms 5\n"), 11, "bytes written")
    equal(read(p, "conf"), b"decay_ms 5\nserve true\n", "conf")
    put(b"decay_ms 6", os.O_WRONLY | os.O_TRUNC)
    put(b"decay_ms 7\nserve false\n", os.O_WRONLY | os.O_APPEND)
    equal(read(p, "conf"), b"decay_ms 7\nserve false\n", "conf")
    for bad in (b"nothing 1\n", b"decay_ms bad\n", b"decay_ms\n", b"\n", b"decay_ms 8\nnothing 1\n"):
        fails(errno.EINVAL, lambda: put(bad), "%r" % bad)
        equal(read(p, "conf"), b"decay_ms 7\nserve false\n", "conf after %r" % bad)
    fails(errno.EMSGSIZE, lambda: put(b"decay_ms 9\n" * 1000), "11000 bytes")
    with open(path(p, "conf"), "r+b", buffering=0) as f:
        was = f.read()
        f.write(b"decay_ms 10\n")
        f.write(b"serve true\n")
        equal(os.pread(f.fileno(), 999, 0), was, "the open file after a write")
    subprocess.run("echo decay_ms 11 >%s" % path(p, "conf"), shell=True, check=True)
    equal(read(p, "conf"), b"decay_ms 11\nserve true\n", "conf")
    stop(p)
    fails(errno.EIO, lambda: put(b"decay_ms 12\n"), "a stopped process")
    end(p)


@test
def nothing_else_can_be_written_made_or_removed():
    p = fake()
    for name in set(FILES) - {"conf"}:
        fails(errno.EACCES, lambda: os.open(path(p, name), os.O_WRONLY), "to write " + name)
        fails(errno.EACCES, lambda: os.open(path(p, name), os.O_RDONLY | os.O_TRUNC), "to cut " + name)
    for fn in (lambda: os.open(path(p, "new"), os.O_CREAT | os.O_WRONLY), lambda: os.mkdir(mnt + "/1"),
               lambda: os.unlink(path(p, "conf")), lambda: os.chmod(path(p, "conf"), 0o666),
               lambda: os.rename(path(p, "conf"), path(p, "gcinfo")), lambda: os.utime(path(p, "conf"))):
        try:
            fn()
        except OSError:
            continue
        raise AssertionError("a change was accepted")
    end(p)


@test
def another_user_gets_nothing():
    if os.geteuid():
        raise Skip("only root can try as another user")
    other = 54321
    os.chmod(work, 0o755)
    p = fake()
    for f in (mnt, path(p, "heapinfo"), folder):
        child = os.fork()
        if not child:
            os.setgroups([])
            os.setgid(other)
            os.setuid(other)
            try:
                os.close(os.open(f, os.O_RDONLY))
            except PermissionError:
                os._exit(0)
            except OSError:
                os._exit(2)
            os._exit(1)
        equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "another user's open of " + f)
    end(p)


@test
def a_program_on_lane_is_shown():
    p = lane_process()
    wait("it serves", lambda: str(p.pid) in listed())
    for name in FILES:
        got = read(p, name)
        if name.endswith(".gz"):
            true(gzip.decompress(got), "%s is no gzip file" % name)
        else:
            true(got.endswith(b"\n"), "%s has no text" % name)
    fd = os.open(path(p, "heapinfo"), os.O_RDONLY)
    want = whole(fd)
    for size in (1, 7, 61, 4096):
        os.lseek(fd, 0, os.SEEK_SET)
        equal(whole(fd, size), want, "reads of %d" % size)
    os.close(fd)
    true(value(read(p, "heapinfo"), "generation") != value(want, "generation"), "two opens show one snapshot")
    p.terminate()
    p.wait()
    true(str(p.pid) not in listed(), "still there after its end")


@test
def a_program_on_lane_is_stopped_and_goes_on():
    p = lane_process()
    wait("it serves", lambda: str(p.pid) in listed())
    stop(p)
    for _ in range(2):
        spent = timed(lambda: fails(errno.EIO, lambda: read(p, "heapinfo"), "stopped"))
        true(spent < 1.6, "EIO came after %.2f s" % spent)
    p.send_signal(signal.SIGCONT)
    wait("it answers again", lambda: value(read(p, "heapinfo"), "generation") > 0)
    end(p)


@test
def a_program_on_lane_answers_40_readers_at_once():
    p = lane_process()
    wait("it serves", lambda: str(p.pid) in listed())
    seen, wrong = [], []

    def reader():
        try:
            for _ in range(10):
                seen.append(value(read(p, "heapinfo", 100), "generation"))
        except (OSError, AssertionError) as e:
            wrong.append(str(e))
    readers = [threading.Thread(target=reader) for _ in range(40)]
    for t in readers:
        t.start()
    for t in readers:
        t.join()
    equal((wrong, len(seen)), ([], 400), "errors and files")
    end(p)


@test
def conf_of_a_program_on_lane_takes_lines_and_refuses_bad_ones_whole():
    p = lane_process()
    wait("it serves", lambda: str(p.pid) in listed())

    def put(text):
        with open(path(p, "conf"), "wb", buffering=0) as f:
            f.write(text)

    def delay():
        return value(read(p, "conf"), "release_delay_ms")
    put(b"release_delay_ms 4711\n")
    equal(delay(), 4711, "after a good line")
    for bad in (b"nothing 1\n", b"release_delay_ms x\n", b"release_delay_ms\n", b"release_delay_ms 1\nnothing 1\n",
                b"\0\n", b"release_delay_ms 5 6\n", b"serve false\n", b"mode lock\n"):
        fails(errno.EINVAL, lambda: put(bad), "%r" % bad)
        equal(delay(), 4711, "after %r" % bad)
    end(p)


@test
def programs_on_lane_are_killed_at_random_moments():
    pick = random.Random(SEED)
    whole_files = 0
    for _ in range(10 if QUICK else 40):
        p = lane_process()
        wait("it serves", lambda: str(p.pid) in listed())
        killer = threading.Timer(pick.random() * 0.03, p.kill)
        killer.start()
        while True:
            try:
                text = read(p, "classinfo", 500)
            except OSError as e:
                true(e.errno in (errno.EIO, errno.ENOENT), str(e))
                if e.errno == errno.ENOENT:
                    break
                continue
            true(text.endswith(b"\n"), "half a file")
            whole_files += 1
        killer.join()
        p.wait()
    listed()
    equal([x for x in os.listdir(folder) if x.endswith(".sock")], [], "sockets left")
    print("# %d whole files" % whole_files)


@test
def a_killed_lanefs_leaves_a_mount_that_the_next_one_takes_over():
    global lanefs
    p = fake()
    lanefs.kill()
    lanefs.wait()
    fails(errno.ENOTCONN, lambda: os.listdir(mnt), "the dead mount")
    lanefs = mount()
    true(len(read(p, "heapinfo")) > 0, "no text after the new mount")
    end(p)


@test
def lanefs_killed_under_readers_hurts_neither_them_nor_the_process():
    global lanefs
    p = fake()
    ended = []

    def reader():
        while True:
            try:
                true(read(p, "heapinfo").count(b"\n") == 3000, "half a file")
            except OSError as e:
                ended.append(e.errno)
                return
    readers = [threading.Thread(target=reader) for _ in range(4)]
    for t in readers:
        t.start()
    time.sleep(0.3)
    lanefs.kill()
    lanefs.wait()
    for t in readers:
        t.join(5)
    true(len(ended) == 4 and set(ended) <= {errno.ENOTCONN, errno.ECONNABORTED}, "readers ended with %s" % ended)
    lanefs = mount()
    equal(read(p, "heapinfo").count(b"\n"), 3000, "lines after the new mount")
    end(p)


@test
def signals_and_umount_end_it_cleanly():
    global lanefs
    not_mounted()
    lanefs = mount()
    lanefs.send_signal(signal.SIGINT)
    equal(lanefs.wait(10), 0, "exit status after SIGINT")
    true(not mounted(), "still mounted after SIGINT")
    lanefs = mount()
    if ctypes.CDLL(None).umount2(mnt.encode(), 0):
        subprocess.run(["fusermount3", "-u", mnt], check=True)
    equal(lanefs.wait(10), 0, "exit status after umount")
    equal(os.listdir(mnt), [], "the mount point")
    lanefs = mount("-o", "ro")
    p = fake()
    true(len(read(p, "heapinfo")) > 0, "no text where mounted read-only")
    fails(errno.EROFS, lambda: os.open(path(p, "conf"), os.O_WRONLY), "a write where mounted read-only")
    stop(p)
    t = threading.Thread(target=lambda: fails(errno.EIO, lambda: read(p, "heapinfo"), "stopped"))
    t.start()
    time.sleep(0.2)
    true(timed(lambda: unmount(lanefs)) < 3, "SIGTERM while a reader hung took long")
    t.join()
    end(p)


@test
def it_goes_to_the_background_once_it_is_mounted():
    not_mounted()
    p = fake()
    done = run_lanefs(mnt)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "lanefs in the background")
    true(len(read(p, "heapinfo")) > 0, "no text when it returned")
    if ctypes.CDLL(None).umount2(mnt.encode(), 0):
        subprocess.run(["fusermount3", "-u", mnt], check=True)
    end(p)


@test
def errors_are_one_line_and_a_status():
    global lanefs
    with open(work + "/file", "w"):
        pass
    not_mounted()
    lanefs = mount()
    for args, status in ((["/nonexistent"], 1), ([work + "/file"], 1), ([mnt], 1), ([], 2), (["-x", mnt], 2),
                         ([mnt, mnt], 2), (["-o", "nonsense", work + "/run"], 1)):
        done = run_lanefs(*args)
        equal((done.returncode, done.stdout), (status, ""), "status and stdout of lanefs %s" % args)
        true(done.stderr.startswith("lanefs: ") and done.stderr.count("\n") == 1,
             "lanefs %s says %r" % (args, done.stderr))
    unmount(lanefs)
    done = run_lanefs("-h")
    true(done.returncode == 0 and done.stdout.startswith("usage: lanefs"), "lanefs -h")
    done = run_lanefs("-V")
    true(done.returncode == 0 and done.stdout.startswith("lanefs "), "lanefs -V")


def main():
    global lanefs
    prepare()
    if why := no_lanefs():
        whole_skip(why)
    only = sys.argv[1:]
    chosen = [t for t in tests if not only or any(o in t.__name__ for o in only)]
    print("TAP version 13\n1..%d\n# SEED=%d" % (len(chosen), SEED))
    bad = 0
    lanefs = mount()
    for number, t in enumerate(chosen, 1):
        name = t.__name__.replace("_", " ")
        try:
            t()
            print("ok %d - %s" % (number, name), flush=True)
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
        except Exception as e:  # whatever it is, the test has failed
            bad += 1
            print("# %s: %s" % (type(e).__name__, e))
            print("not ok %d - %s" % (number, name), flush=True)
            for process in children:
                if process is not lanefs and process.poll() is None:
                    end(process)
            if lanefs.poll() is not None:
                lanefs = mount()
    return bad > 0


try:
    status = main()
finally:
    cleanup()
sys.exit(status)
