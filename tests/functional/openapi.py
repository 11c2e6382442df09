# SPDX-License-Identifier: Apache-2.0
"""The description of the API as a node serves it, for tests that leave out no route."""

import collections
import re
import uuid

Route = collections.namedtuple("Route", "method path operation")
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list,
         "number": (int, float), "null": type(None)}


class Description:
    def __init__(self, document):
        self.document = document
        self.routes = [Route(method.upper(), path, operation)
                       for path, item in document["paths"].items()
                       for method, operation in item.items()]

    def resolve(self, schema):
        while "$ref" in schema:
            found = self.document
            for part in schema["$ref"].split("/")[1:]:
                found = found[part]
            schema = found
        return schema

    def body(self, route):
        """The example of what is sent, or some bytes; None if nothing is."""
        content = route.operation.get("requestBody", {"content": {}})["content"]
        if "application/json" in content:
            return content["application/json"]["example"]
        return b"x" * 4096 if content else None

    def takes(self, route):
        """The schema of the JSON that is sent; that of anything if none is."""
        content = route.operation.get("requestBody", {"content": {}})["content"]
        return self.resolve(content.get("application/json", {"schema": {}})["schema"])

    def wrong_answer(self, route, answer):
        """What is wrong with an answer of status 200; nothing if all is well."""
        content = route.operation["responses"]["200"]["content"]
        kind = answer.headers.get_content_type()
        if kind not in content:
            return f"{kind} is none of {list(content)}"
        if kind != "application/json":
            return ""
        return self.wrong(content[kind]["schema"], answer.json)

    def wrong(self, schema, value):
        """What is wrong with a value; fields of which the schema knows nothing are wrong, too."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            found = [self.wrong(one, value) for one in schema["anyOf"]]
            return "" if "" in found else " / ".join(found)
        kind = schema.get("type")
        if kind is None:
            return ""
        if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            return f"{value!r} is no {kind}"
        if value not in schema.get("enum", [value]):
            return f"{value!r} is none of {schema['enum']}"
        if kind == "array":
            parts = {index: (schema["items"], part) for index, part in enumerate(value)}
        elif kind == "object":
            if missing := set(schema.get("required", ())) - set(value):
                return f"{missing} missing"
            known = schema.get("properties", {})
            others = schema.get("additionalProperties", None if "properties" in schema else {})
            if others is None and (unknown := set(value) - set(known)):
                return f"{unknown} is not in the schema"
            parts = {key: (known.get(key, others), part) for key, part in value.items()}
        else:
            parts = {}
        found = {key: self.wrong(*part) for key, part in parts.items()}
        return "; ".join(f"{key}: {text}" for key, text in found.items() if text)


def fill(path, values):
    """`path` with its {names} replaced: each by the value of the longest key that the path up to
    there ends with."""
    def value(match):
        for key in sorted(values, key=len, reverse=True):
            if path[:match.end()].endswith(key):
                return str(values[key])
        raise AssertionError(f"{path}: there is no value for {match[0]}: add one to "
                             "one_of_everything()")
    return re.sub(r"\{\w+\}", value, path)


def one_of_everything(owner, image, node, other_namespace, sql):
    """Objects of the owner, made for the purpose, as fill() takes them; an instance on `node`. `sql`
    does a statement in the database."""
    name = f"n-{uuid.uuid4().hex[:6]}"
    network = owner.call("POST", "/networks", {"name": name, "netblock": "10.0.0.0/24"})["uuid"]
    owner.wait(network, "created", kind="networks")
    instance = owner.create("web1", image, placed_on=node,
                            network=[{"network_uuid": network}])["uuid"]
    owner.wait(instance, "created")
    artifact = owner.call("POST", "/artifacts", {"url": image})["uuid"]
    blob = owner.wait(artifact, "created", kind="artifacts")["blob_uuid"]
    for label in ("mine", "there"):
        owner.call("POST", f"/label/{label}", {"blob_uuid": blob})
    routed = owner.request("POST", f"/networks/{network}/route")
    owner.call("POST", f"/auth/namespaces/{owner.namespace}/keys", {"key_name": "spare", "key": "x"})
    # There is no agent in this guest: what is asked of it waits.
    sql(f"UPDATE instances SET agent_state = 'ready' WHERE uuid = '{instance}'")
    operation = owner.call("POST", f"/instances/{instance}/agent/execute", {"command_line": "true"})
    return {
        "/agentoperations/{uuid}": operation["uuid"],
        "/auth/namespaces/{name}": owner.namespace, "/keys/{key}": "spare",
        "/trust/{other}": other_namespace, "/instances/{ref}": instance, "/networks/{ref}": network,
        "/interfaces/{uuid}": owner.show(instance)["interfaces"][0]["uuid"],
        "/artifacts/{ref}": artifact, "/blobs/{uuid}": blob, "/nodes/{name}": node,
        "/metadata/{key}": "owner", "/versions/{index}": 1, "{digest}": "0" * 128,
        "{address}": "10.0.0.1", "/ui/{file}": "app.js", "/upload/{uuid}": owner.call("POST", "/upload")["uuid"],
        "/truncate/{offset}": 0, "/artifacts/upload/{name}": "new", "/label/{name}": "mine",
        "/label/{namespace}": owner.namespace, "/label/{namespace}/{name}": "there",
        "/route/{address}": routed.json if routed.status == 200 else "192.168.20.7"
    }
