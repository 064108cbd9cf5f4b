#!/usr/bin/env python3
"""Writes data/aws-actions.tsv: what the requests of AWS services look like.

The table is read from the API models that botocore carries (Apache-2.0), which name each
operation as `service:Operation` grants do. To renew it, or after adding a service below:

    python3 -m venv /tmp/botocore && /tmp/botocore/bin/pip install botocore
    /tmp/botocore/bin/python host/egress/tools/aws_actions.py

Lines of the table, fields apart by tabs, `-` for an empty field, lists apart by commas:

    service  NAME  PROTOCOL  ENDPOINT-PREFIX  SIGNING-NAME  SERVICE-ID  TARGET-PREFIX  regional|global
    host     HOST-NAME  REGION                    one without a region in it
    op       OPERATION                            query, ec2 and json protocols
    op       OPERATION  METHOD  PATH  REQUIRED-QUERY  REQUIRED-HEADERS  OTHER-QUERY
                                                  rest protocols; a key that may be repeated ends in `*`

The script stops if two operations of a service could not be told apart.
"""

import datetime
import gzip
import json
import pathlib

import botocore

SERVICES = ["batch", "dynamodb", "ec2", "iam", "lambda", "s3", "sts"]

# Operations that are only ever sent to hosts of their own, where no plain endpoint
# answers. On the plain endpoint they would hide an operation of the same shape.
ELSEWHERE = {
    # Answered by s3express-control.REGION alone; `GET /` on S3 is ListBuckets.
    ("s3", "ListDirectoryBuckets"),
}

DATA = pathlib.Path(botocore.__file__).parent / "data"
OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "aws-actions.tsv"


def load(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def listed(items):
    items = sorted(items)
    assert all(not set(item) & set("\t,\n") for item in items), items
    return ",".join(items) or "-"


def operation(model, name):
    """The fields that tell a rest operation apart."""
    spec = model["operations"][name]
    path, _, literal = spec["http"]["requestUri"].partition("?")
    shape = model["shapes"][spec["input"]["shape"]] if "input" in spec else {}
    required, optional, headers = set(filter(None, literal.split("&"))), set(), set()
    for member, reference in shape.get("members", {}).items():
        location, is_required = reference.get("location"), member in shape.get("required", [])
        key = reference.get("locationName", member)
        if location == "querystring":
            kind = model["shapes"][reference["shape"]]["type"]
            # A map puts keys of its own into the query: none of the services has one.
            assert kind != "map", (name, member)
            key += "*" if kind == "list" else ""
            (required if is_required else optional).add(key)
        elif location == "header" and is_required:
            headers.add(key.lower())
    return spec["http"]["method"], path, listed(required), listed(headers), listed(optional)


def service(name, endpoints):
    model = load(sorted((DATA / name).iterdir())[-1] / "service-2.json.gz")
    about = model["metadata"]
    protocol, prefix = about["protocol"], about["endpointPrefix"]
    fixed, regional = [], False
    for partition in endpoints["partitions"]:
        known = partition["services"].get(prefix, {})
        # A partition that lists nothing about a service says nothing about its regions.
        if partition["partition"] == "aws":
            regional = known.get("isRegionalized", True)
        for region, place in known.get("endpoints", {}).items():
            # `local` is DynamoDB on one's own machine.
            if region in partition["regions"] or place.get("deprecated") or region == "local":
                continue
            if "hostname" in place and "fips" not in region:
                fixed.append((place["hostname"], place["credentialScope"]["region"]))
    yield ("service", name, protocol, prefix, about.get("signingName", prefix), about["serviceId"],
           about.get("targetPrefix", "-"), "regional" if regional else "global")
    for host in sorted(fixed):
        yield ("host", *host)
    seen = {}
    for op in sorted(model["operations"]):
        spec = model["operations"][op]
        if (name, op) in ELSEWHERE or "hostPrefix" in spec.get("endpoint", {}):
            continue
        if not protocol.startswith("rest"):
            yield ("op", op)
            continue
        fields = operation(model, op)
        same = seen.get(fields[:4])
        if same is not None:
            # An old name of a newer operation: the newer one is what a grant names.
            deprecated = [each for each in (same, op) if model["operations"][each].get("deprecated")]
            assert len(deprecated) == 1, f"{name}: {same} and {op} look the same"
            if deprecated == [op]:
                continue
        seen[fields[:4]] = op
    if protocol.startswith("rest"):
        for op in sorted(seen.values()):
            yield ("op", op, *operation(model, op))


def main():
    endpoints = json.loads((DATA / "endpoints.json").read_text()) if (DATA / "endpoints.json").exists() else load(
        DATA / "endpoints.json.gz")
    lines = [
        f"# AWS actions, from the API models of botocore {botocore.__version__} (Apache-2.0), "
        f"{datetime.date.today()}.",
        "# Written by host/egress/tools/aws_actions.py, which explains the lines; do not edit.",
    ]
    for name in SERVICES:
        lines += ["\t".join(fields) for fields in service(name, endpoints)]
    OUTPUT.write_text("\n".join(lines) + "\n")
    print(f"{OUTPUT}: {len(lines)} lines")


if __name__ == "__main__":
    main()
