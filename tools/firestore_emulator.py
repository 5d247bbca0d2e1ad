"""Google's Firestore emulator as a process: found, started on a free loopback port, and ended."""

import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

from free_port import free_port

JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
START_SECONDS_MAX = 60


class EmulatorMissing(Exception):
    """There is none, or it does not start; the text says what to do."""


def find_jar():
    """The emulator of the google-cloud-cli, which brings java programs without a java."""
    gcloud = shutil.which("gcloud")
    places = [os.environ.get("CLOUDSDK_ROOT_DIR", ""), "/usr/lib/google-cloud-sdk",
              "/opt/google-cloud-sdk"]
    if gcloud:
        places.append(pathlib.Path(gcloud).resolve().parent.parent)
    for place in filter(None, places):
        jar = pathlib.Path(place) / JAR
        if jar.exists():
            return jar
    raise EmulatorMissing(
        "there is no Firestore emulator: install the google-cloud-cli with its component "
        "cloud-firestore-emulator, or set FIRESTORE_EMULATOR_HOST to one that runs")


class Emulator:
    """Ended when the block is left.  What FIRESTORE_EMULATOR_HOST names is used and not ended."""

    def __init__(self, folder):
        self.process = None
        self.folder = folder
        self.log = folder / "emulator.log"
        self.address = os.environ.get("FIRESTORE_EMULATOR_HOST")
        self.jar = None
        if self.address:
            return
        self.jar = find_jar()
        if not shutil.which("java"):
            raise EmulatorMissing("the Firestore emulator wants java: install a Java runtime")
        self.address = f"127.0.0.1:{free_port()}"

    @property
    def is_ours(self):
        return self.jar is not None

    def start(self):
        """Starts it, again on the same port if it was killed, and waits until it answers."""
        if self.is_ours:
            with open(self.log, "a", encoding="utf-8") as log:
                # Its own launcher is a script that would leave java behind.
                self.process = subprocess.Popen(
                    ["java", "-Xmx768m", "-cp", self.jar, MAIN_CLASS, "start", "--host=127.0.0.1",
                     "--port=" + self.address.rsplit(":", 1)[1]],
                    cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and (not self.process or self.process.poll() is None):
            try:
                with urllib.request.urlopen(f"http://{self.address}/", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        self.kill()
        said = self.log.read_text(encoding="utf-8") if self.is_ours else "it does not answer"
        raise EmulatorMissing(f"the Firestore emulator at {self.address} did not start:\n{said}")

    def kill(self):
        """As a crash; it forgets all documents."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
