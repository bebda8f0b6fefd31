"""A plugin for nbval's runs: no message of a cell is dropped, however many it sends.

nbval reads what a cell sends only after the cell has ended. ZeroMQ keeps 1,000 messages on either side and drops the
rest, the one that says "the cell is done" among them: nbval then waits for it, and fails. The progress bars of one
cell of 08 send 2,500. Here the reading side keeps them all (a limit of 0 means none).
"""

from functools import partial

import nbval.kernel
import zmq
from jupyter_client.blocking import BlockingKernelClient


class PatientClient(BlockingKernelClient):
    def connect_iopub(self, identity: bytes | None = None) -> zmq.Socket:
        self.context.setsockopt(zmq.RCVHWM, 0)  # what sockets that are made from here on begin with
        return super().connect_iopub(identity)


nbval.kernel.KernelManager = partial(nbval.kernel.KernelManager, client_class=f"{__name__}.PatientClient")
