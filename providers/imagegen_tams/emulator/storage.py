"""
The object storage beside the API: a signed link to PUT to, and a signed form to POST to.

It is no part of the API: it takes no token, speaks XML, and insists on exactly what was signed.  The form is
PostObject of Aliyun's OSS, whose fields `resource/image/sts` answers with.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from attrs import frozen

from imagegen.emulator import Request, Response
from imagegen.emulator.world import World

from .messages import CreateResource
from .resources import CONTENT_TYPE, Resources, StorageProblem, sign

UPLOADS, FORM = "/upload/", "/oss"
_ACCESS_ID = "STS.emulator"


@frozen(kw_only=True)
class Storage:
    """The storage of one world; *root* is the address that it is reached at (`http://host/tams`)."""

    world: World
    root: str

    def put_link(self, order: CreateResource) -> dict[str, Any]:
        """Answer `POST /v1/resource/image`."""
        resource_id, until = Resources(self.world).open(order)
        url = f"{self.root}{UPLOADS}{resource_id}?Expires={until}&Signature={sign(resource_id, until)}"
        return {"resourceId": resource_id, "putUrl": url, "headers": {"Content-Type": CONTENT_TYPE}}

    def form_fields(self, order: CreateResource) -> dict[str, Any]:
        """Answer `POST /v1/resource/image/sts`."""
        resource_id, until = Resources(self.world).open(order)
        path = f"resource-upload/short-term/{resource_id}"
        policy = base64.b64encode(json.dumps({"expiration": until, "key": path}).encode()).decode()
        return {
            "resourceId": resource_id,
            "accessId": _ACCESS_ID,
            "signature": sign(policy),
            "host": f"{self.root}{FORM}",
            "expire": str(until),
            "callback": base64.b64encode(b"{}").decode(),
            "filePath": path,
            "policy": policy,
            "securityToken": sign("token", policy),
        }

    def handle(self, request: Request) -> Response:
        """Answer an upload."""
        try:
            if request.method == "PUT":
                self._put(request)
                return Response(status=200, headers={"etag": '"emulated"'})
            if request.method == "POST" and request.path == FORM:
                return self._post(request)
            raise StorageProblem(405, "MethodNotAllowed", "The specified method is not allowed.")
        except StorageProblem as problem:
            body = f"<Error><Code>{problem.code}</Code><Message>{problem.message}</Message></Error>"
            return Response(status=problem.status, body=body.encode(), headers={"content-type": "application/xml"})

    def _put(self, request: Request) -> None:
        resource_id = request.path.removeprefix(UPLOADS)
        until = request.query.get("Expires", "")
        if request.headers.get("authorization"):
            raise StorageProblem(400, "InvalidArgument", "Only one way to authorize is allowed: the signed URL.")
        signed = request.query.get("Signature") == sign(resource_id, until)
        if not signed or request.headers.get("content-type") != CONTENT_TYPE:
            raise StorageProblem(403, "SignatureDoesNotMatch", "The signature does not fit URL and headers.")
        Resources(self.world).upload(resource_id, request.body)

    def _post(self, request: Request) -> Response:
        fields = read_form(request)
        policy = fields.get("policy", b"").decode("ascii", "replace")
        given = (fields.get("Signature", b"").decode("ascii", "replace"), fields.get("OSSAccessKeyId", b""))
        if given != (sign(policy), _ACCESS_ID.encode()):
            raise StorageProblem(403, "SignatureDoesNotMatch", "The signature does not fit the policy.")
        key = fields.get("key", b"").decode("utf-8", "replace")
        if json.loads(base64.b64decode(policy))["key"] != key:
            raise StorageProblem(403, "AccessDenied", "Invalid according to Policy: key.")
        Resources(self.world).upload(key.rpartition("/")[2], fields.get("file", b""))
        return Response(status=200 if fields.get("success_action_status") == b"200" else 204)


def read_form(request: Request) -> dict[str, bytes]:
    """Return the fields of a multipart/form-data body."""
    boundary = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if boundary is None:
        raise StorageProblem(412, "PreconditionFailed", "The body must be multipart/form-data.")
    fields: dict[str, bytes] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        if name := re.search(rb'name="([^"]*)"', head):
            fields[name[1].decode("utf-8", "replace")] = body
    return fields
