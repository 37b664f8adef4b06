# SPDX-License-Identifier: Apache-2.0
"""Has the files of deploy/ read by the programs that they are for, as far as these are installed."""
import pathlib
import shutil
import subprocess
import tempfile

DEPLOY = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy"


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        print(result.stdout)
    return result


def nginx(folder):
    """With a certificate made for this, and inside of what /etc/nginx/nginx.conf would be."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=files.example.com",
        "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem", check=True)
    site = (DEPLOY / "nginx.conf").read_text().replace("/etc/letsencrypt/live/files.example.com", str(folder))
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; include {folder}/site.conf; }}\n")
    return run("nginx", "-t", "-p", folder, "-c", folder / "nginx.conf").returncode == 0


def caddy(folder):
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(folder)}
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"]
    return run(*command, env=environment).returncode == 0


def systemd(folder):
    """The unit, with a binary that is there."""
    unit = (DEPLOY / "sluice.service").read_text().replace("/usr/local/bin/sluice", "/bin/true")
    (folder / "sluice.service").write_text(unit)
    result = run("systemd-analyze", "verify", "--man=no", folder / "sluice.service")
    # What it says of other units of this machine does not count.
    own = [line for line in result.stdout.splitlines() if "sluice.service" in line]
    print("\n".join(own), end="\n" if own else "")
    return not own


def check():
    """Whether all that could be asked were content; what is not installed is said, and passes."""
    passed = True
    for program, judge in [("nginx", nginx), ("caddy", caddy), ("systemd-analyze", systemd)]:
        if not shutil.which(program):
            print(f"  {program}: not installed, not asked")
            continue
        with tempfile.TemporaryDirectory() as folder:
            content = judge(pathlib.Path(folder))
        print(f"  {program}: {'content' if content else 'NOT content'}")
        passed = passed and content
    return passed


if __name__ == "__main__":
    raise SystemExit(0 if check() else 1)
