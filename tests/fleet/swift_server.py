#!/usr/bin/python3
"""OpenStack Swift on one computer, for tests: swift_server.py FOLDER PROXY ACCOUNT CONTAINER OBJECT MEMCACHED, five ports of loopback.

The proxy speaks the protocol of Amazon S3 (s3api, tempauth). All servers are children of this process, which has imported Swift once:
they begin within seconds. They end with it."""
import ctypes
import os
import pwd
import signal
import sys

import eventlet.patcher

# Before Swift is there: what it looks through for locks is little then.
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

FOLDER, PORTS = os.path.abspath(sys.argv[1]), dict(zip(("proxy", "account", "container", "object", "memcached"), map(int, sys.argv[2:7])))
USER = pwd.getpwuid(os.getuid()).pw_name
STORAGE = ("account", "container", "object")
PIPELINE = "catch_errors gatekeeper cache listing_formats s3api tempauth copy slo versioned_writes".split()
FILTERS = {"cache": {"use": "egg:swift#memcache", "memcache_servers": "127.0.0.1:%d" % PORTS["memcached"]},
           "s3api": {"location": "us-east-1", "storage_domain": "s3.localhost"},
           "tempauth": {"user_test_tester": "testing .admin"}}


def write(name, sections):
    with open(os.path.join(FOLDER, name), "w", encoding="ascii") as file:
        for section, settings in sections.items():
            file.write("[%s]\n%s\n" % (section, "".join("%s = %s\n" % pair for pair in settings.items())))


def settings_of(name):
    return {"bind_ip": "127.0.0.1", "bind_port": PORTS[name], "workers": 0, "user": USER, "swift_dir": FOLDER, "log_level": "ERROR"}


def write_settings():
    for name in STORAGE:
        write(name + ".conf", {"DEFAULT": {**settings_of(name), "devices": FOLDER + "/devices", "mount_check": "false",
                                           "disable_fallocate": "true"},
                               "pipeline:main": {"pipeline": name + "-server"},
                               "app:%s-server" % name: {"use": "egg:swift#" + name, "recon_cache_path": FOLDER + "/cache"}})
    write("proxy.conf", {"DEFAULT": settings_of("proxy"), "pipeline:main": {"pipeline": " ".join(PIPELINE + ["proxy-server"])},
                         "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": "true"},
                         **{"filter:" + name: {"use": "egg:swift#" + name, **FILTERS.get(name, {})} for name in PIPELINE}})
    write("swift.conf", {"swift-hash": {"swift_hash_path_prefix": "kv", "swift_hash_path_suffix": "cache"},
                         "storage-policy:0": {"name": "one", "default": "yes"}})


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(run):
    child = os.fork()
    if child == 0:
        end_with_parent()
        try:
            run()
        finally:
            os._exit(1)
    return child


def main():
    for name in ("devices/one", "cache"):
        os.makedirs(os.path.join(FOLDER, name))
    write_settings()
    import swift.common.utils
    swift.common.utils.SWIFT_CONF_FILE = FOLDER + "/swift.conf"
    import swift.account.server, swift.container.server, swift.obj.server, swift.proxy.server  # noqa: E401, F401: for the children
    from swift.common.ring import RingBuilder
    from swift.common.wsgi import run_wsgi
    for name in STORAGE:
        ring = RingBuilder(1, 1, 0)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "one", "meta": "", "ip": "127.0.0.1", "port": PORTS[name],
                      "replication_ip": "127.0.0.1", "replication_port": PORTS[name]})
        ring.rebalance()
        ring.get_ring().save("%s/%s.ring.gz" % (FOLDER, name))
    children = []
    if os.path.exists("/usr/bin/memcached"):  # without it everything takes three times as long
        children.append(start(lambda: os.execv("/usr/bin/memcached", ["memcached", "-u", USER, "-l", "127.0.0.1", "-U", "0", "-m", "16",
                                                                      "-p", str(PORTS["memcached"])])))
    for name in STORAGE + ("proxy",):
        children.append(start(lambda name=name: run_wsgi("%s/%s.conf" % (FOLDER, name), name + "-server")))

    def end(*_):
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    os.wait()  # one of them ended, which none should
    end()


if __name__ == "__main__":
    end_with_parent()
    main()
