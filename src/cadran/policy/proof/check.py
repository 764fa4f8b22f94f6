"""Checks a file of evidence that Cadran exported: python3 check.py FILE [KEY [WITNESS.pem]]

It needs Python 3.9 or later and the program `openssl`, and nothing of Cadran. For each entry of the file it checks that
  1. its body and salt hash to its commitment: not one letter of the body was changed since;
  2. its leaf (place, date, kind, commitment) and its path lead to the root of its seal, a Merkle tree as in RFC 6962;
  3. its seal is signed (Ed25519) and chained by hashes to a seal over which a time-stamp authority signed the time (RFC 3161):
     all of it existed at that instant, by a clock and a key that the operator does not have.
Whose key and whose certificates these are, the file alone cannot prove. Ask the operator for its public key and the authority
for its certificates, and give them as KEY and WITNESS.pem. Exit code 0: all holds. 1: something does not, and is named."""

import base64, json, subprocess, sys, tempfile  # noqa: E401, I001
from hashlib import sha256
from pathlib import Path
from typing import Any, Iterator  # noqa: UP035

BEFORE_A_KEY = bytes.fromhex("302a300506032b6570032100")  # makes a DER public key of a raw Ed25519 one (RFC 8410)
LEAF = ("source", "position", "at", "kind", "holder", "commitment")


def openssl(words: str, **files: bytes) -> tuple[bool, str]:
    """Run openssl on these bytes as files, each named @name in its words. Returns (it said yes, what it printed)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        argv = ["openssl"] + [str(Path(folder, one[1:])) if one[0] == "@" else one for one in words.split()]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0, done.stdout.decode(errors="replace")


def root_of(node: bytes, index: int, size: int, path: list[str]) -> str:
    """Hash a leaf upwards along its path (RFC 9162, 2.1.3.2); a path of a wrong length gives no root."""
    last, steps = size - 1, [bytes.fromhex(step) for step in path]
    while last > 0:
        if index % 2 or index < last:
            step = steps.pop(0) if steps else b""
            node = sha256(b"\x01" + (step + node if index % 2 else node + step)).digest()
        index, last = index // 2, last // 2
    return "none" if steps else node.hex()


def check(file: dict[str, Any], key: str, pem: bytes) -> Iterator[tuple[bool, str]]:
    """Yields (holds, sentence) for each thing that is checked."""
    seals, times = {}, {}
    for one in file["seals"]:
        text, seal = one["text"].encode(), json.loads(one["text"])
        seals[seal["number"]] = dict(seal, hash=sha256(text).hexdigest())
        words = "pkeyutl -verify -rawin -pubin -keyform DER -inkey @key -in @text -sigfile @sig"
        public, signature = BEFORE_A_KEY + bytes.fromhex(seal["key"]), bytes.fromhex(one["signature"])
        holds = openssl(words, key=public, text=text, sig=signature)[0] and key in ("", seal["key"])
        yield holds, f"seal {seal['number']} of {seal['at']} is signed by the key {key or seal['key']}"
    for one in file["tokens"]:
        number, token = one["seal"], base64.b64decode(one["token"])
        words = f"ts -verify -token_in -in @token -CAfile @pem -digest {seals[number]['hash']}"
        holds, shown = openssl(words, token=token, pem=pem)[0], openssl("ts -reply -token_in -in @t -text", t=token)[1]
        time = "".join(line[12:] for line in shown.splitlines() if line.startswith("Time stamp: "))
        times.update({number: time} if holds else {})
        yield holds, f"seal {number} was stamped on {time} by {one['authority']}"
    for one in file["entries"]:
        name, number, said = f"{one['source']}:{one['position']} {one['kind']}", one["seal"], json.loads(one["body"])
        body = b"cadran-evidence-body-1\n" + bytes.fromhex(one["salt"]) + one["body"].encode()
        yield sha256(body).hexdigest() == one["commitment"], f"{name}: its body is what was committed to"
        yield all(said[part] == one[part] for part in ("kind", "at")), f"{name}: its body is of {one['at']}"
        lines = ["\0cadran-evidence-entry-1", *(str(one[part]) for part in LEAF), ""]
        leaf = sha256("\n".join(lines).encode()).digest()
        found = root_of(leaf, one["index"], seals[number]["leaves"], one["path"])
        yield found == seals[number]["root"], f"{name}: it lies in seal {number}"
        while number not in times and seals.get(number + 1, {}).get("previous") == seals[number]["hash"]:
            number += 1  # the next seal holds this one's hash, so that its time stamp covers this one too
        yield number in times, f"{name}: it existed on {times.get(number, '(no time stamp that holds covers it)')}"


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    witness = Path(sys.argv[3]).read_bytes() if len(sys.argv) > 3 else given["certificates"].encode()
    try:
        results = list(check(given, "".join(sys.argv[2:3]), witness))
    except (LookupError, ValueError, TypeError) as error:
        results = [(False, f"the file is not whole: {error!r}")]
    print("\n".join(("holds  " if holds else "FAILS  ") + sentence for holds, sentence in results))
    sys.exit(0 if given["entries"] and all(holds for holds, _ in results) else 1)
