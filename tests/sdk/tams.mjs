// TAMS's own SDK (npm tams-sdk 1.0.0, RSA) against the emulator: the SDK knows nothing of us but an address.
// It is run by run.py, which serves the emulator and names it in TAMS_BASE_URL.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { Sha256RsaAuthenticateStrategy, TamsSDK } from "tams-sdk";

const base = process.env.TAMS_BASE_URL;
const APP = "an-app";
const MODEL = "600423083519508503";

function keyPair() {
  return crypto.generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

function connect(privateKey) {
  const sdk = new TamsSDK({ appId: APP, authenticateStrategy: new Sha256RsaAuthenticateStrategy(privateKey) });
  sdk.api.baseUrl = base; // the SDK always says https://; the address is all that is moved
  return sdk;
}

function diffusion(prompt) {
  return {
    width: 512,
    height: 512,
    prompts: [{ text: prompt }],
    sdModel: MODEL,
    sdVae: "Automatic",
    sampler: "DPM++ 2M Karras",
    steps: 15,
    cfgScale: 7,
    clipSkip: 2,
  };
}

function job(start, ...stages) {
  return { requestId: crypto.randomUUID(), stages: [{ type: "INPUT_INITIALIZE", inputInitialize: start }, ...stages] };
}

async function finished(sdk, id) {
  for (let tries = 0; tries < 200; tries++) {
    const found = (await sdk.v1.tamsApiV1ServiceGetJob(id)).data.job;
    if (["SUCCESS", "FAILED", "CANCELED"].includes(found.status)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`job ${id} is never over`);
}

async function picture(sdk, body) {
  const made = (await sdk.v1.tamsApiV1ServiceCreateJob(body)).data.job;
  const done = await finished(sdk, made.id);
  assert.equal(done.status, "SUCCESS");
  const bytes = Buffer.from(await (await fetch(done.successInfo.images[0].url)).arrayBuffer());
  assert.equal(bytes.subarray(1, 4).toString(), "PNG");
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [512, 512]);
  return { bytes, credits: done.credits };
}

function say(what, detail = "") {
  process.stdout.write(`ok  ${what}${detail && `: ${detail}`}\n`);
}

console.log = () => {}; // uploadFile prints its address, signature included

const own = keyPair();
const register = { id: APP, pem: own.publicKey };
await fetch(`${new URL(base).origin}/_emulator/public-keys`, { method: "POST", body: JSON.stringify(register) });
const sdk = connect(own.privateKey);

const first = await picture(sdk, job({ seed: "7", count: 1 }, { type: "DIFFUSION", diffusion: diffusion("a cat") }));
say("text2img", `${first.bytes.length} bytes, ${first.credits} credits`);

const { resourceId } = await sdk.uploadFile({ file: first.bytes });
say("upload", resourceId);

const again = { ...diffusion("a dog"), denoisingStrength: 0.5 };
const second = await picture(sdk, job({ imageResourceId: resourceId, count: 1 }, { type: "DIFFUSION", diffusion: again }));
assert.notDeepEqual(second.bytes, first.bytes);
say("img2img", `${second.bytes.length} bytes`);

const mask = { maskImageResourceId: resourceId, maskBlur: 4, inpaintingFill: "ORIGINAL", diffusion: again };
const third = await picture(
  sdk,
  job({ imageResourceId: resourceId, count: 1 }, { type: "IMAGE_TO_INPAINT", imageToInpaint: mask }),
);
say("inpaint", `${third.bytes.length} bytes`);

const model = (await sdk.v1.tamsApiV1ServiceGetModel(MODEL)).data.model;
assert.equal(model.id, MODEL);
say("get model", model.name);

const sts = (await sdk.v1.tamsApiV1ServiceCreateResourceImageSts({ expireSec: "3600" })).data;
assert.ok(sts.resourceId && sts.policy);
say("upload address (sts)");

const slow = job({ seed: "7", count: 1 }, { type: "DIFFUSION", diffusion: diffusion("a cat [emu:slow=600]") });
const waiting = (await sdk.v1.tamsApiV1ServiceCreateJob(slow)).data.job;
assert.deepEqual((await sdk.v1.tamsApiV1ServiceCancelJob(waiting.id)).data, { jobId: waiting.id });
assert.equal((await finished(sdk, waiting.id)).status, "CANCELED");
say("cancel", waiting.id);

const stranger = connect(keyPair().privateKey);
const refusal = await stranger.v1.tamsApiV1ServiceGetJob(waiting.id).catch((error) => error.response.error);
assert.deepEqual(refusal, { code: 16, message: "Signature verification failed" });
say("another key's signature is refused", refusal.message);

const books = await (await fetch(`${new URL(base).origin}/_emulator/jobs`)).json();
assert.deepEqual(books.map((row) => row.state).sort(), ["canceled", "succeeded", "succeeded", "succeeded"]);
say("the books", books.map((row) => `${row.state} ${row.credits}`).join(", "));
