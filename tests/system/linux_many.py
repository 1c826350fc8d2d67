#!/usr/bin/python3
"""50,000 connections of one engine to Linux are open at once, all from one address; then each
carries data both ways. Every byte arrives, all of them end in order, no buffer is left."""

import systest
from linux_path import check_exchange
from testnet.badpath import BadPath

CONNS = 50000
PORTS = 4  # a process of the receiver each: none may have more than 20,000 descriptors here


def fifty_thousand_connections_are_open_at_once_and_each_carries_data():
    with BadPath(systest.BUILD, 0, 1, "delay_us=1000,loss=0.001", "delay_us=1000") as path:
        listener = path.listen(ports=PORTS, seed=3)
        ours = path.ours(seed=3, conns=CONNS, ports=PORTS, hold=3000, send=2000, receive=1000,
                         half_open=1000, buffers=65535, tx_bytes=16384, window=16384,
                         patience=100).result(110)
        theirs = listener.stop()
        check_exchange("50,000", ours, theirs, path.relay.stop())
        systest.equal(ours["open_max"], CONNS, "open at once, at our end")
        systest.equal(theirs["open_max"], CONNS, "open at once, at theirs")
        systest.check(ours["counters"]["tcp_connects"] == CONNS, "no connection was tried twice")
        print(f"50,000 opened in {ours['open_ms']} ms, all over after {ours['took_ms']} ms")


if __name__ == "__main__":
    systest.main(fifty_thousand_connections_are_open_at_once_and_each_carries_data)
