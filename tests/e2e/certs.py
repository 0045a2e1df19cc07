"""A self-made certificate for servers that offer STARTTLS."""

import subprocess

from debs import Missing, need_tool


def make(directory):
    """Writes cert.pem, key.pem and both.pem (key, then certificate) into directory."""
    openssl = need_tool("openssl", "openssl")
    key, certificate = directory / "key.pem", directory / "cert.pem"
    done = subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "30",
         "-subj", "/CN=mx.example.test", "-addext", "subjectAltName=DNS:mx.example.test"],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise Missing(f"openssl cannot make a certificate: {done.stderr}")
    (directory / "both.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    key.chmod(0o600)
    (directory / "both.pem").chmod(0o600)
