"""The Python client, as the tests ask it."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../../clients/python'))
import rcomet

verb, *rest = sys.argv[1:]
server = rcomet.Rcomet(os.environ['RCOMET_ADMIN'], os.environ['RCOMET_FRONT'], token=os.environ.get('RCOMET_TOKEN'),
                       timeout=float(os.environ.get('RCOMET_SECONDS', 20)), retry=0.05, retry_max=0.2)


def show(value):
    print(json.dumps(value), flush=True)


try:
    if verb == 'publish':
        server.publish(*rest)
    elif verb == 'json':
        server.publish(rest[0], json.loads(rest[1]))
    elif verb == 'all':
        show([list(each)[:2] for each in server.publish_all(json.load(sys.stdin))])
    elif verb == 'read':
        message = server.read(rest[0])
        show(message and message.data)
    elif verb == 'history':
        show([message.data for message in server.history(rest[0], int(rest[1]))])
    elif verb == 'channels':
        show([channel['channel'] for channel in server.channels(rest[0])])
    elif verb == 'close':
        show(server.close(rest[0]))
    elif verb == 'sign':
        print(server.sign(rest[0]))
    elif verb == 'subscribe':
        for event in server.subscribe(*rest, history=int(os.environ.get('RCOMET_HISTORY', 0))):
            show({'type': type(event).__name__.lower(), **event._asdict()})
except rcomet.RcometError as error:
    print(f'{type(error).__name__.lower()}: {error}', file=sys.stderr)
    sys.exit(3)
