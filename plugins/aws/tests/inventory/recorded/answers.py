#!/usr/bin/env python3
"""Prints what the recorded flights of AWS answered, on the wire again, and what they list.

usage: answers.py RECORDINGS AGENT_TOML LISTS_JSON

RECORDINGS is the folder with `aws.tar.xz`, whose README says what a flight is. Of each flight
that lists resources by an operation of LISTS_JSON one line of JSON is printed:

    {"flight": NAME, "answers": {"SERVICE:OPERATION": [[STATUS, BODY], …]}, "lists": {TYPE: [ID, …]}}

The bodies are those of the operations that AGENT_TOML asks for, written by moto's serialisers in
the wire form of the service. The ids are read from the recordings themselves: those of the first
answer, and of the ones after it for as long as an answer says that there are more. Where a list
is marked `each` in LISTS_JSON, it is asked for once for each of what another one lists, so all
answers count.

Needs `pip install 'moto[server]'`; ends with status 3 where that is not there.
"""

import collections
import datetime
import json
import pathlib
import re
import sys
import tarfile

try:
    import botocore.session
    import jmespath
    from moto.core.serialize import get_serializer_class
    from moto.core.utils import get_service_model
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

# Fields that say how a list goes on.
TOKENS = ("NextToken", "nextToken", "NextMarker", "Marker", "position", "LastEvaluatedTableName", "ContinuationToken")
SESSION = botocore.session.get_session()


def revive(value):
    if value.pop("__class__", None) == "datetime":
        parts = [value[name] for name in ("year", "month", "day", "hour", "minute", "second")]
        return datetime.datetime(*parts, tzinfo=datetime.timezone.utc)
    return value


def services(actions):
    """The services that answer at an endpoint, by the prefix that flights are named by."""
    found = collections.defaultdict(list)
    for name in sorted({action.split(":")[0] for action in actions}):
        found[SESSION.get_service_model(name).endpoint_prefix].append(name)
    return found


def service_of(names, operation, data):
    """Of two services that share an endpoint, the one whose answer has these fields."""
    for name in names:
        model = SESSION.get_service_model(name)
        if operation not in model.operation_names:
            continue
        if len(names) == 1 or fits(model.operation_model(operation).output_shape, data):
            return name
    return None


def fits(shape, data):
    """Whether all fields are known, those of the first item of each list too."""
    for field, value in data.items():
        if shape is None or field not in shape.members:
            return False
        member = shape.members[field]
        if member.type_name == "list" and value and isinstance(value[0], dict):
            if not set(value[0]) <= set(member.member.members):
                return False
    return True


def wire(service, operation, status, data):
    model = get_service_model(service)
    if status >= 300:
        error = data.get("Error", {})
        code, message = error.get("Code", "Unknown"), error.get("Message", "")
        if "json" in model.resolved_protocol:
            return json.dumps({"__type": code, "message": message})
        return f"<ErrorResponse><Error><Code>{code}</Code><Message/></Error></ErrorResponse>"
    serializer = get_serializer_class(service, model.resolved_protocol)(model.operation_model(operation))
    body = serializer.serialize(data)["body"] or ""
    return body.decode() if isinstance(body, bytes) else body


def name(found, separator):
    """An id; one of several parts is what ends each, and it may stand at the end of an ARN or URL."""
    if isinstance(found, list):
        return "/".join(part.rsplit("/", 1)[-1] for part in found)
    return found.rsplit(separator, 1)[-1] if separator else found


def pages(calls):
    """The calls that make one list."""
    for status, data in calls:
        if status >= 300:
            return
        yield data
        inner = next(iter(data.values()), None) if len(data) == 1 else data
        inner = inner if isinstance(inner, dict) else data
        if not any(inner.get(token) for token in TOKENS):
            return


def flights(path):
    calls = collections.defaultdict(lambda: collections.defaultdict(list))
    with tarfile.open(path) as tar:
        for member in tar:
            _, _, name = member.name.partition("/")
            found = re.fullmatch(r"([^/]+)/(.+)\.([A-Za-z0-9]+)_(\d+)\.json", name)
            if found and member.isfile():
                flight, prefix, operation, number = found.groups()
                calls[flight][prefix, operation].append((int(number), tar.extractfile(member).read()))
    return calls


def main(recordings, manifest, lists):
    actions = set(re.findall(r'"([a-z0-9]+:[A-Z][A-Za-z0-9]+)"', pathlib.Path(manifest).read_text()))
    lists = json.loads(pathlib.Path(lists).read_text())
    by_prefix = services(actions)
    for flight, operations in sorted(flights(pathlib.Path(recordings) / "aws.tar.xz").items()):
        answered = collections.defaultdict(list)
        for (prefix, operation), calls in sorted(operations.items()):
            for _, text in sorted(calls):
                call = json.loads(text, object_hook=revive)
                data = {name: value for name, value in call["data"].items() if name != "ResponseMetadata"}
                service = service_of(by_prefix.get(prefix, []), operation, data)
                if f"{service}:{operation}" in actions:
                    answered[service, operation].append((call.get("status_code", 200), data))
        listed = {}
        for one in lists:
            calls = answered.get(tuple(one["action"].split(":")), [])
            if calls and all(tuple(needed.split(":")) in answered for needed in one.get("needs", [])):
                each = [data for status, data in calls if status < 300]
                found = [jmespath.search(one["ids"], page) or [] for page in (each if one.get("each") else pages(calls))]
                ids = [name(id, one.get("last")) for page in found for id in page]
                listed[one["type"]] = sorted(set(ids) if one.get("each") else ids)
        if not any(listed.values()):
            continue
        answers = {
            f"{service}:{operation}": [[status, wire(service, operation, status, data)] for status, data in calls]
            for (service, operation), calls in answered.items()
        }
        print(json.dumps({"flight": flight, "answers": answers, "lists": listed}))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
