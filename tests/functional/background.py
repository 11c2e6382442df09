# SPDX-License-Identifier: Apache-2.0
"""What goes on beside a test."""

import threading


class Background:
    """Threads that work from when it is entered until it is left. Each looks whether it is `over`."""

    def __init__(self):
        self.over = threading.Event()
        self.threads = []

    def add(self, work, *args):
        self.threads.append(threading.Thread(target=work, args=args))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
