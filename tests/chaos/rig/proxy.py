"""A TCP proxy whose connections can be cut and stalled."""

import contextlib
import selectors
import socket
import threading

from aerq.config.local.valkey import HOST


class Proxy:
    """Forwards a port of its own to a server's, by one thread.

    Args:
        server: what is behind it.
    """

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._peers = {}
        self._lock = threading.Lock()
        self._open = True
        self._flowing = True
        self._running = True
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._thread.start()

    @property
    def url(self):
        return self._server.url_at(self.port)

    def cut(self):
        """Drops all connections, and new ones at once, until `restore`."""
        with self._lock:
            self._open = False
            for one in list(self._peers):
                self._drop(one)

    def stall(self):
        """Holds back every byte, in both directions, and keeps the connections, until `restore`."""
        with self._lock:
            self._flowing = False

    def restore(self):
        with self._lock:
            self._open = self._flowing = True
        self._wake.send(b"x")

    def end(self):
        self._running = False
        self._wake.send(b"x")
        self._thread.join(10)
        with self._lock:
            for one in list(self._peers):
                self._drop(one)
        for one in (self._listener, self._wake, self._woken):
            one.close()
        self._selector.close()

    def _serve(self):
        while self._running:
            events = self._selector.select(0.5)
            with self._lock:
                for key, _ in events:
                    self._handle(key.fileobj)
                stalled = not self._flowing
            if stalled:
                threading.Event().wait(0.02)  # what is held back stays readable

    def _handle(self, one):
        if one is self._woken:
            one.recv(4096)
        elif one is self._listener:
            self._accept()
        elif self._flowing and one in self._peers:
            try:
                data = one.recv(65536)
                if not data:
                    raise ConnectionResetError
                self._peers[one].sendall(data)
            except OSError:
                self._drop(one)

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            if not self._open:
                raise ConnectionRefusedError
            server = socket.create_connection((HOST, self._server.port), timeout=5)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            one.settimeout(30)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _drop(self, one):
        for end in (one, self._peers.pop(one, None)):
            if end is not None:
                self._peers.pop(end, None)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(end)
                end.close()
