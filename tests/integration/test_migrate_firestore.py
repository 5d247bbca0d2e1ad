"""Fleets move to and from a collection of Firestore's emulator, under reads and writes."""

import unittest

from firestore_emulator import Emulator, EmulatorMissing
from moving import MovingKinds
from test_shared import SERVERS


class Collection:
    def __init__(self, emulator):
        self.says = (f'kind = "firestore"\nproject = "moving"\ncollection = "shared"\n'
                     f'emulator = "{emulator.address}"\n')


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class OnFirestore(MovingKinds):
    def setUp(self):
        super().setUp()
        try:
            emulator = Emulator(self.folder)
        except EmulatorMissing as missing:
            self.skipTest(str(missing))
        self.addCleanup(emulator.kill)
        emulator.start()  # One that is there and does not start is a fault.
        self.collection = Collection(emulator)

    def test_to_firestore(self):
        self.moves(self.valkey("old"), self.collection)

    def test_from_firestore(self):
        self.moves(self.collection, self.valkey("new"))


if __name__ == "__main__":
    unittest.main()
