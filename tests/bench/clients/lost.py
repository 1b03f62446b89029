"""Requests that a server loses when it stops: ``lost.py HOST PORT PATH CLIENTS``.

Each client sends one request after the other, on a connection of its own as Nginx does, until connections are refused.
It prints ``begun`` once all have an answer, and in the end how many requests were answered, and how many were sent and
not answered.
"""

import http.client
import sys
import threading

answered: list[int] = []
lost: list[int] = []


def client(host: str, port: int, path: str, ready: threading.Barrier) -> None:
    """Send requests until the server takes no more connections."""
    first = True
    while True:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            connection.connect()
        except OSError:
            return
        try:
            connection.request("GET", path)
            connection.getresponse().read()
            answered.append(1)
        except (OSError, http.client.HTTPException):
            lost.append(1)
        finally:
            connection.close()
        if first:
            first = False
            ready.wait()


def main(host: str, port: str, path: str, clients: str) -> None:
    """Run all clients to their end."""
    ready = threading.Barrier(int(clients) + 1)
    threads = [threading.Thread(target=client, args=(host, int(port), path, ready)) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    ready.wait()
    print("begun", flush=True)
    for thread in threads:
        thread.join()
    print(len(answered), len(lost))


if __name__ == "__main__":
    main(*sys.argv[1:])
