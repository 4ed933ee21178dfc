# SPDX-License-Identifier: Apache-2.0
"""What the tests of the program share. The first argument of each is the program; it runs in a new folder, which is removed at the end,
and finds no backbone there but what the test makes."""
import atexit, os, shutil, subprocess, sys, tempfile

winnow = os.path.abspath(sys.argv[1])
work = tempfile.mkdtemp(prefix="winnow-test-")
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
given = [os.path.abspath(path) for path in sys.argv[2:]]
os.chdir(work)
os.environ["WINNOW_HOME"] = work
checks = 0


@atexit.register
def leave():
    os.chdir("/")
    shutil.rmtree(work)


def check(condition, *what):
    global checks
    checks += 1
    if not condition:
        raise SystemExit("FAILED: " + " ".join(map(str, what)))


def run(*arguments, status=0, **more):
    """Its exit status, stdout and stderr; it must end with `status`, unless that is None."""
    result = subprocess.run([winnow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    check(status in (None, result.returncode), arguments, result.returncode, result.stdout[-2000:], result.stderr)
    return result


def done(*arguments):
    """What it printed; it must succeed."""
    return run(*arguments).stdout


def refused(words, *arguments, **more):
    """Exit status 2, nothing on stdout, one error line that holds all the words (parted by |)."""
    result = run(*arguments, status=2, **more)
    lines = [line for line in result.stderr.splitlines() if "error:" in line]
    check(not result.stdout, arguments, "wrote to stdout:", result.stdout)
    check(len(lines) == 1, arguments, "not one error line:", result.stderr)
    for word in words.split("|"):
        check(word in lines[0], arguments, f"no '{word}' in:", lines[0])


@atexit.register
def tell():
    print(f"{checks} checks")
