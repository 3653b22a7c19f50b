"""HTTP/2 by hand: frames that no client library would send, over plain sockets or TLS.

This has only what the attacks need. It writes headers as literals without indexing, so that it shares no
state with the peer, and reads headers with `hpack`.
"""
import socket
import ssl
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
# The payload limit of a frame until the peer announces another.
FRAME_BYTES = 16_384
WINDOW = 65_535


def literal(name, value):
    """A header field in HPACK: a literal without indexing, with name and value shorter than 16 KiB."""

    def text(data):
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest = len(data) - 127
        coded = bytearray([127])
        while rest >= 128:
            coded.append(rest % 128 | 128)
            rest //= 128
        return bytes(coded) + bytes([rest]) + data

    return b"\x00" + text(name.encode()) + text(value.encode())


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message(payload, compressed=False):
    """A gRPC message: flag, length and bytes."""
    return struct.pack(">BI", compressed, len(payload)) + payload


def varint(number):
    coded = bytearray()
    while number >= 128:
        coded.append(number % 128 | 128)
        number //= 128
    return bytes(coded) + bytes([number])


def field(number, payload):
    """A length-delimited field of a protobuf message: text, bytes or a message."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


class Gone(Exception):
    """The peer ended the connection."""


class Connection:
    """One HTTP/2 connection. `greet=False` leaves even the preface to the caller."""

    def __init__(self, server, *, greet=True, window=None, timeout=20):
        self.server = server
        self.socket = connect(server, ["h2"], timeout)
        self.next_stream = 1
        self.left = b""
        self.decoder = hpack.Decoder()
        if greet:
            settings = b"" if window is None else struct.pack(">HI", 4, window)
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Gone(str(error)) from error

    def head(self, path, *, token=None, extra=(), end=False, kind="application/grpc", flags=END_HEADERS):
        """Begins a call and returns its stream."""
        stream = self.next_stream
        self.next_stream += 2
        fields = [
            (":method", "POST"),
            (":scheme", "https" if self.server.tls else "http"),
            (":path", path),
            (":authority", self.server.authority),
            ("content-type", kind),
            ("te", "trailers"),
            *extra,
        ]
        if token:
            fields.append(("authorization", f"Bearer {token}"))
        block = b"".join(literal(name, value) for name, value in fields)
        self.send(frame(HEADERS, flags | (END_STREAM if end else 0), stream, block))
        return stream

    def data(self, stream, payload, end=False):
        """Sends a body in frames without regard to the peer's windows, so it must fit into them."""
        pieces = [payload[at : at + FRAME_BYTES] for at in range(0, len(payload), FRAME_BYTES)] or [b""]
        for number, piece in enumerate(pieces):
            last = end and number == len(pieces) - 1
            self.send(frame(DATA, END_STREAM if last else 0, stream, piece))

    def read(self, timeout=1.0):
        """The next frame as (kind, flags, stream, payload), or None after the timeout."""
        self.socket.settimeout(timeout)
        try:
            while len(self.left) < 9 or len(self.left) < 9 + int.from_bytes(self.left[:3], "big"):
                more = self.socket.recv(65_536)
                if not more:
                    raise Gone("end of the connection")
                self.left += more
        except TimeoutError:
            return None
        except (OSError, ssl.SSLError) as error:
            raise Gone(str(error)) from error
        length = int.from_bytes(self.left[:3], "big")
        kind, flags, stream = self.left[3], self.left[4], int.from_bytes(self.left[5:9], "big") & 0x7FFFFFFF
        payload, self.left = self.left[9 : 9 + length], self.left[9 + length :]
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        if kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        return kind, flags, stream, payload

    def fields(self, payload):
        """The header fields in one frame."""
        return {str(name): str(value) for name, value in self.decoder.decode(payload)}

    def close(self):
        self.socket.close()


def connect(server, protocols, timeout=20):
    """A socket to the server, with TLS if the server has it."""
    raw = socket.create_connection((server.host, server.port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not server.tls:
        return raw
    context = ssl.create_default_context(cafile=server.tls)
    context.check_hostname = False
    context.set_alpn_protocols(protocols)
    return context.wrap_socket(raw, server_hostname="localhost")
