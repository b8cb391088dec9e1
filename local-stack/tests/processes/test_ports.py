import socket
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from edge_common.errors import FatalError
from edge_stack.processes.ports import HOST, ReservedPort


def test_a_server_can_listen_on_the_port_while_it_is_reserved(port: ReservedPort) -> None:
    port.let_program_listen()
    with HTTPServer((HOST, port.number), BaseHTTPRequestHandler) as server:
        assert server.server_port == port.number


def test_the_preferred_port_is_taken_when_free() -> None:
    with ReservedPort() as once:
        number = once.number
    with ReservedPort(number) as again:
        assert again.number == number


def test_another_port_is_taken_when_somebody_listens_on_the_preferred_one() -> None:
    with socket.create_server((HOST, 0)) as listener:
        taken = listener.getsockname()[1]
        with ReservedPort(taken) as other:
            assert other.number != taken


def test_an_address_of_another_machine_is_refused_with_what_to_name_instead() -> None:
    for host in ("192.0.2.1", "no.such.host.invalid", "::1"):
        with pytest.raises(FatalError, match="name an IPv4 address of this machine"):
            ReservedPort(host=host)


def test_two_reservations_never_share_a_port() -> None:
    ports = [ReservedPort() for _ in range(50)]
    try:
        assert len({port.number for port in ports}) == len(ports)
    finally:
        for port in ports:
            port.close()


def test_a_closed_reservation_can_be_closed_again(port: ReservedPort) -> None:
    port.close()
    port.close()
    with socket.socket() as free, pytest.raises(ConnectionRefusedError):
        free.connect((HOST, port.number))
