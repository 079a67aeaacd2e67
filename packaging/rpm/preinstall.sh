getent group rcomet >/dev/null || groupadd -r rcomet
getent passwd rcomet >/dev/null || useradd -r -g rcomet -d / -s /sbin/nologin -c 'HTTP push daemon' rcomet
