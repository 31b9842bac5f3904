# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates for tests, made by openssl in a folder that goes with the program."""
import atexit
import os
import shutil
import subprocess
import tempfile

PKI = tempfile.mkdtemp(prefix="rhea-tls-")
atexit.register(shutil.rmtree, PKI)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{PKI}/{name}-key.pem",
            "-out", f"{PKI}/{name}.pem", "-subj", f"/CN={name}", "-days", "30")


def certificate(ca, folder, name, purpose, days="30"):
    """A folder as dir= wants it: FOLDER/ca-cert.pem, server-cert.pem, server-key.pem."""
    path = f"{PKI}/{folder}"
    os.makedirs(path, exist_ok=True)
    with open(f"{path}/ext", "w", encoding="ascii") as f:
        f.write(f"subjectAltName=DNS:localhost\nextendedKeyUsage={purpose}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{path}/server-key.pem",
            "-out", f"{path}/csr", "-subj", f"/O=Tests/CN={name}")
    openssl("x509", "-req", "-in", f"{path}/csr", "-CA", f"{PKI}/{ca}.pem", "-CAkey", f"{PKI}/{ca}-key.pem", "-CAcreateserial", "-out",
            f"{path}/server-cert.pem", "-days", days, "-extfile", f"{path}/ext")
    shutil.copy(f"{PKI}/{ca}.pem", f"{path}/ca-cert.pem")
