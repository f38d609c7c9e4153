// Bodies and cryptography, for both runtimes: bench/bodies.mjs says how each path is loaded.
const kHash = "SHA-256";
const zeros = (bytes) => new Uint8Array(bytes);

// Each of kSteps is `{ rounds, make }`: `make()` gives what one round does; it runs `rounds` times in one request.
const kSteps = {
  "sha-256 64 B": { rounds: 500, make: () => { const data = zeros(64); return () => crypto.subtle.digest(kHash, data); } },
  "sha-256 64 KiB": { rounds: 50, make: () => { const data = zeros(65536); return () => crypto.subtle.digest(kHash, data); } },
  "hmac sign 64 B": { rounds: 500, async make() {
    const key = await crypto.subtle.importKey("raw", zeros(32), { name: "HMAC", hash: kHash }, false, ["sign"]);
    const data = zeros(64);
    return () => crypto.subtle.sign("HMAC", key, data);
  } },
  "aes-gcm 1 KiB": { rounds: 500, make: () => aesGcm(1024) },
  "aes-gcm 64 KiB": { rounds: 50, make: () => aesGcm(65536) },
  "ecdsa p-256 sign": { rounds: 50, make: async () => (await pair({ name: "ECDSA", namedCurve: "P-256" }, ecdsa)).sign },
  "ecdsa p-256 verify": { rounds: 50, make: async () => (await pair({ name: "ECDSA", namedCurve: "P-256" }, ecdsa)).verify },
  "rsa-pss 2048 sign": { rounds: 10, make: async () => (await pair(rsa("RSA-PSS"), { name: "RSA-PSS", saltLength: 32 })).sign },
  "rsa-pss 2048 verify": { rounds: 100, make: async () => (await pair(rsa("RSA-PSS"), { name: "RSA-PSS", saltLength: 32 })).verify },
  "rsa-pkcs1 2048 sign": { rounds: 10, make: async () => (await pair(rsa("RSASSA-PKCS1-v1_5"), "RSASSA-PKCS1-v1_5")).sign },
  "rsa-pkcs1 2048 verify": { rounds: 100, make: async () => (await pair(rsa("RSASSA-PKCS1-v1_5"), "RSASSA-PKCS1-v1_5")).verify },
  "import rsa spki": { rounds: 200, make: () => importing(rsa("RSASSA-PKCS1-v1_5"), "spki") },
  "import rsa pkcs8": { rounds: 100, make: () => importing(rsa("RSASSA-PKCS1-v1_5"), "pkcs8") },
  "import ec spki": { rounds: 200, make: () => importing({ name: "ECDSA", namedCurve: "P-256" }, "spki") },
  "import ec pkcs8": { rounds: 100, make: () => importing({ name: "ECDSA", namedCurve: "P-256" }, "pkcs8") },
  "pbkdf2 100k": { rounds: 1, async make() {
    const key = await crypto.subtle.importKey("raw", zeros(16), "PBKDF2", false, ["deriveBits"]);
    return () => crypto.subtle.deriveBits({ name: "PBKDF2", hash: kHash, salt: zeros(16), iterations: 100_000 }, key, 256);
  } },
  "randomUUID": { rounds: 5000, make: () => () => crypto.randomUUID() },
};
const ecdsa = { name: "ECDSA", hash: kHash };
const rsa = (name) => ({ name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: kHash });

async function aesGcm(bytes) {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const [iv, data] = [zeros(12), zeros(bytes)];
  return () => crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, data);
}
async function pair(algorithm, how) {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const data = zeros(64);
  const signature = await crypto.subtle.sign(how, privateKey, data);
  return { sign: () => crypto.subtle.sign(how, privateKey, data), verify: () => crypto.subtle.verify(how, publicKey, signature, data) };
}
async function importing(algorithm, format) {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const secret = format === "pkcs8";
  const der = await crypto.subtle.exportKey(format, secret ? privateKey : publicKey);
  return () => crypto.subtle.importKey(format, der, algorithm, true, [secret ? "sign" : "verify"]);
}

const made = {};  // By name: keys are made once.

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const query = (name) => url.searchParams.get(name);
    switch (url.pathname) {
      case "/json": return Response.json(await request.json());
      case "/text": return new Response(String((await request.text()).length));
      case "/buffer": return new Response(String((await request.arrayBuffer()).byteLength));
      case "/fetched-text": return new Response(String((await (await fetch(query("from"))).text()).length));
      case "/pass": return new Response(request.body);
      case "/identity": return new Response(request.body.pipeThrough(new IdentityTransformStream()));
      case "/fixed": return new Response(request.body.pipeThrough(new FixedLengthStream(Number(query("bytes")))));
      case "/transform": {
        const { readable, writable } = new TransformStream();
        request.body.pipeTo(writable);
        return new Response(readable);
      }
      case "/reader": {  // What a script does by hand.
        const { readable, writable } = new IdentityTransformStream();
        (async () => {
          const writer = writable.getWriter();
          for await (const chunk of request.body) await writer.write(chunk);
          await writer.close();
        })();
        return new Response(readable);
      }
      case "/fetched": return fetch(query("from"));
      case "/fetched-body": return new Response((await fetch(query("from"))).body);
      case "/upload": return fetch(query("from"), { method: "POST", body: request.body });
      case "/step": {
        const { rounds, make } = kSteps[query("name")];
        const step = (made[query("name")] ??= await make());
        for (let round = rounds; round > 0; round--) await step();
        return new Response(String(rounds));
      }
      case "/steps": return Response.json(Object.entries(kSteps).map(([name, { rounds }]) => [name, rounds]));
    }
    return new Response("no such path", { status: 404 });
  },
};
