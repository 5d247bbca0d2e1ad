"""nginx with one small file, which what is served over HTTP is measured beside."""

import pathlib
import shutil

# Where `./dev bench` unpacks Debian's package, without installing it.
UNPACKED = pathlib.Path("nginx/usr/sbin/nginx")
MISSING = "nginx is missing; `./dev bench --table` unpacks Debian's package"

CONFIG = """
daemon off;
{processes}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile off;  # The fastest for so small a file: header and body leave in one call.
  tcp_nodelay on;
  open_file_cache max=16;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ application/json json; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {folder}/root;
  }}
}}
"""


def program(bench_folder):
    """The system's nginx, or the unpacked one; None if there is neither."""
    unpacked = pathlib.Path(bench_folder) / UNPACKED
    return shutil.which("nginx") or (str(unpacked.resolve()) if unpacked.exists() else None)


def prepare(folder, port, processes, file, content):
    """Writes the file and the configuration; the command that serves them."""
    (folder / "root").mkdir(parents=True)
    folder.chmod(0o755)  # The worker may be another user.
    (folder / "root" / file).write_text(content, encoding="utf-8")
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, processes=processes),
                      encoding="utf-8")
    return ["-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
