// The pure natives, called from JavaScript.
#include "api/errors.h"
#include "api/native_testing.h"
#include "api/values.h"

namespace limpet::api {
namespace {

TEST_F(Natives, AValueComesBackFromItsBytesAsItWas) {
  EXPECT_EQ(Eval("JSON.stringify(native.deserialize(native.serialize({a: [1, 'é', null], b: {c: true}})))"),
            R"({"a":[1,"é",null],"b":{"c":true}})");
  EXPECT_EQ(Eval("const v = new Map([[1, new Set([2])]]); v.set('self', v);"
                 "const w = native.structuredClone(v); `${w.get('self') === w} ${w.get(1).has(2)} ${w !== v}`"),
            "true true true");
  EXPECT_EQ(Eval("native.deserialize(native.serialize(new Date(86400000))).toISOString()"), "1970-01-02T00:00:00.000Z");
}

TEST_F(Natives, StoredBytesHaveTheHeaderOfFormat15) {
  EXPECT_EQ(Eval("String(new Uint8Array(native.serialize(true)))"), "255,15,84");
}

TEST_F(Natives, BytesOfFormat13WithoutAHeaderAreRead) {
  EXPECT_EQ(Eval("native.deserialize(new Uint8Array([0x22, 2, 0x68, 0x69]))"), "hi");
  EXPECT_EQ(Eval("native.deserialize(new Uint8Array([0x63, 2, 0xac, 0x20]))"), "€");
}

TEST_F(Natives, AClassInstanceIsStoredAsAPlainObject) {
  EXPECT_EQ(Eval("class C { a = 1 } const c = native.structuredClone(new C()); `${c.constructor.name} ${c.a}`"),
            "Object 1");
}

TEST_F(Natives, WhatCannotBeClonedIsADataCloneError) {
  EXPECT_EQ(Eval("native.serialize({a: () => 1})"), "DataCloneError: () => 1 could not be cloned.");
  EXPECT_EQ(Eval("native.serialize(Symbol('x'))"), "DataCloneError: Symbol(x) could not be cloned.");
  EXPECT_EQ(Eval("native.serialize(Promise.resolve())"), "DataCloneError: #<Promise> could not be cloned.");
  EXPECT_EQ(Eval("native.serialize({get a() { throw new RangeError('boo') }})"), "RangeError: boo");
}

TEST_F(Natives, AnObjectOfThePlatformAndOfItsSubclassesIsADataCloneError) {
  std::string define = "class Event {} native.markHost(Event.prototype); class Mine extends Event {};";
  EXPECT_EQ(Eval(define + "native.serialize({deep: [new Event()]})"),
            "DataCloneError: Could not serialize object of type \"Event\". This type does not support serialization.");
  EXPECT_EQ(Eval("native.serialize(new Mine())"),
            "DataCloneError: Could not serialize object of type \"Mine\". This type does not support serialization.");
}

TEST_F(Natives, BytesThatAreNoValueAreAnError) {
  EXPECT_EQ(Eval("native.deserialize(new Uint8Array([255, 15, 117]))"), "Error: Unable to deserialize cloned data.");
  EXPECT_EQ(Eval("native.deserialize(new Uint8Array(0))"), "Error: Unable to deserialize cloned data.");
}

TEST_F(Natives, AValueWhoseBytesPassTheLimitIsADataCloneError) {
  EXPECT_TRUE(
      Eval("const s = 'x'.repeat(1 << 24); native.serialize(Array(64).fill(s))").starts_with("DataCloneError: "));
}

TEST_F(Natives, ATransferredBufferMovesAndLeavesTheOldOneEmpty) {
  EXPECT_EQ(Eval("const b = new Uint8Array([1, 2]).buffer; const c = native.structuredClone({b}, [b, b]);"
                 "`${b.byteLength} ${new Uint8Array(c.b)}`"),
            "0 1,2");
  EXPECT_EQ(Eval("native.structuredClone(b, [])"),
            "DataCloneError: An ArrayBuffer is detached and could not be cloned.");
  EXPECT_EQ(Eval("native.structuredClone(1, [{}])"), "TypeError: Object is not transferable");
}

TEST_F(Natives, TextBecomesUtf8AndBack) {
  EXPECT_EQ(Eval("String(native.utf8Encode('aé€😀'))"), "97,195,169,226,130,172,240,159,152,128");
  EXPECT_EQ(Eval("String(native.utf8Encode('\\ud800'))"), "239,191,189");
  EXPECT_EQ(Eval("native.utf8Decode(native.utf8Encode('aé€😀'), true, false)"), "aé€😀");
  EXPECT_EQ(Eval("native.utf8Decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), false, false).length"), "1");
  EXPECT_EQ(Eval("native.utf8Decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]).buffer, false, true).length"), "2");
}

TEST_F(Natives, IllFormedUtf8IsReplacedOrRefused) {
  EXPECT_EQ(Eval("native.utf8Decode(new Uint8Array([0x61, 0xf0, 0x9f, 0x62, 0xff]), false, false)"), "a\uFFFDb\uFFFD");
  EXPECT_EQ(Eval("native.utf8Decode(new Uint8Array([255]), true, false)"), "TypeError: Failed to decode input.");
}

TEST_F(Natives, EncodeIntoStopsBeforeACharacterThatDoesNotFit) {
  EXPECT_EQ(Eval("const u = new Uint8Array(5).subarray(1); `${native.utf8EncodeInto('a😀', u)} ${u}`"), "1,1 97,0,0,0");
  EXPECT_EQ(Eval("String(native.utf8EncodeInto('€x', new Uint8Array(3)))"), "1,3");
  EXPECT_EQ(Eval("String(native.utf8EncodeInto('x', new Uint8Array(0)))"), "0,0");
}

TEST_F(Natives, Base64IsWhatBtoaAndAtobDo) {
  EXPECT_EQ(Eval("native.base64Encode('\\xff\\x00a')"), "/wBh");
  EXPECT_EQ(Eval("String(native.base64Encode('\\u0100'))"), "undefined");
  EXPECT_EQ(Eval("native.base64Decode(' aGk = ')"), "hi");
  EXPECT_EQ(Eval("native.base64Decode('aGk')"), "hi");
  EXPECT_EQ(Eval("String(['a', 'aGk==', 'aG-k', '=', 'aGk\\u0100', '\\v'].map(native.base64Decode))"), ",,,,,");
  EXPECT_EQ(Eval("native.latin1(new Uint8Array([0x61, 0xe9]))"), "aé");
}

TEST_F(Natives, AUrlIsTakenApart) {
  EXPECT_EQ(Eval("native.urlParts(native.urlParse('HTTP://u:p@ExämPle.com:8080/a/../b?q=1#h')).join(' ')"),
            "http://u:p@xn--exmple-cua.com:8080/b?q=1#h http: u p xn--exmple-cua.com:8080 xn--exmple-cua.com 8080 /b "
            "?q=1 #h http://xn--exmple-cua.com:8080");
  EXPECT_EQ(Eval("native.urlParse('../x', 'http://h/a/b/')"), "http://h/a/x");
  EXPECT_EQ(Eval("native.urlParts('data:x')[10]"), "null");
  EXPECT_EQ(Eval("String([native.urlParse('/x'), native.urlParse('x', 'nonsense'), native.urlParse('')])"), ",,");
}

TEST_F(Natives, APartOfAUrlIsSetAsTheSettersOfUrlDo) {
  EXPECT_EQ(Eval("native.urlSet('http://h/', 'search', 'a b')"), "http://h/?a%20b");
  EXPECT_EQ(Eval("native.urlSet('http://h:1/', 'port', '')"), "http://h/");
  EXPECT_EQ(Eval("native.urlSet('http://h/', 'host', 'no good')"), "http://h/");
  EXPECT_EQ(Eval("native.urlSet('http://h/#x', 'hash', '')"), "http://h/");
  EXPECT_EQ(Eval("String(native.urlSet('http://h/', 'href', 'nonsense'))"), "undefined");
  EXPECT_EQ(Eval("`${native.domainToAscii('ÄX.de')} ${native.domainToAscii('a b')}`"), "xn--x-zfa.de ");
}

TEST_F(Natives, RandomnessIsForEventsOnly) {
  EXPECT_EQ(Eval("/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(native.randomUUID())"),
            "true");
  EXPECT_EQ(Eval("const r = new Uint8Array(66); native.randomFill(r.subarray(1, 65));"
                 "`${r[0]} ${r[65]} ${new Set(r).size > 20}`"),
            "0 0 true");
  isolate_->current = nullptr;
  EXPECT_EQ(Eval("native.randomUUID()"), std::string("Error: ") + kGlobalScopeError);
  EXPECT_EQ(Eval("native.randomFill(new Uint8Array(1))"), std::string("Error: ") + kGlobalScopeError);
}

TEST_F(Natives, PromisesAndProxiesCanBeLookedInto) {
  EXPECT_EQ(Eval("String([native.promiseState(new Promise(() => {})), native.promiseState(Promise.resolve(7))])"),
            "0,,1,7");
  EXPECT_EQ(Eval("const [t, h] = native.previewProxy(new Proxy([5], {x: 6})); `${t} ${h.x}`"), "5 6");
  EXPECT_EQ(Eval("String(native.previewProxy({}))"), "undefined");
}

TEST_F(Natives, AHashIsFedPieceByPiece) {
  std::string hex = "const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, '0')).join('');";
  EXPECT_EQ(Eval(hex + "hex(native.cryptoDigest(1, native.utf8Encode('abc'))).slice(0, 16)"), "ba7816bf8f01cfea");
  EXPECT_EQ(Eval("const h = native.hasherNew(1); native.hasherUpdate(h, native.utf8Encode('a'));"
                 "native.hasherUpdate(h, native.utf8Encode('bc')); hex(native.hasherFinish(h)).slice(0, 16)"),
            "ba7816bf8f01cfea");
  EXPECT_EQ(Eval("const c = native.hasherNew(17); native.hasherUpdate(c, native.utf8Encode('123456789'));"
                 "hex(native.hasherFinish(c))"),
            "e3069283");
  EXPECT_EQ(
      Eval("String([native.cryptoDigest(9, new Uint8Array(1)), native.hasherNew(9), native.hmacSign('x', 1, 2)])"),
      ",,");
}

TEST_F(Natives, KeysAreMadeReadAndCompared) {
  EXPECT_EQ(Eval("const key = native.keyGenerate('P-256'); native.keyType(key)"), "2");
  EXPECT_EQ(Eval("native.keyType(native.keyFromDer(true, native.keyToDer(key, true)))"), "2");
  EXPECT_EQ(Eval("String(native.keyParts(key, true).map((part) => part.byteLength))"), "32,32,32");
  EXPECT_EQ(
      Eval("const s = native.keySign(key, 1, 0, 0, new Uint8Array(3));"
           "String([s.byteLength, native.keyVerify(key, 1, 0, 0, s, new Uint8Array(3)),"
           "native.keyVerify(key, 1, 0, 0, s, new Uint8Array(4)), native.keyVerify(key, 1, 0, 0, s.slice(1), s)])"),
      "64,true,false,false");
}

// Imported keys are numbers until they are used: each use may be the first.
TEST_F(Natives, KeysFromDerAreAsGoodAsTheirOrigins) {
  EXPECT_EQ(Eval("const some = new Uint8Array(3), other = new Uint8Array(4), results = [];"
                 "for (const [type, padding] of [['P-256', 0], ['P-384', 0], ['P-521', 0], ['RSA', 1], ['RSA', 2]]) {"
                 "  const key = native.keyGenerate(type, 1024, new Uint8Array([1, 0, 1]));"
                 "  const copy = (secret) => native.keyFromDer(secret, native.keyToDer(key, secret));"
                 "  const signature = native.keySign(copy(true), 1, padding, 32, some), short = signature.slice(1);"
                 "  const checks = [[signature, some], [signature, other], [short, some]].map(([mark, data]) =>"
                 "    Number(native.keyVerify(copy(false), 1, padding, 32, mark, data)));"
                 "  const equal = (secret) => native.cryptoEqual(native.keyToDer(key, secret), "
                 "native.keyToDer(copy(secret), secret));"
                 "  results.push([...checks, Number(equal(true)), Number(equal(false))].join(''));"
                 "}"
                 "results.join()"),
            "10011,10011,10011,10011,10011");
  EXPECT_EQ(Eval("const rsa = native.keyGenerate('RSA', 1024, new Uint8Array([3]));"
                 "String([rsa, native.keyFromDer(false, native.keyToDer(rsa, false))].map((box) =>"
                 "  [native.keyType(box), ...native.keyRsa(box), native.keyParts(box, false)[0].byteLength]))"),
            "1,128,3,128,1,128,3,128");
  EXPECT_EQ(Eval("String(native.keyRsa(native.keyGenerate('X25519')))"), "undefined");
}

TEST_F(Natives, WhatIsNoKeyIsNothing) {
  EXPECT_EQ(Eval("String([native.keyType({}), native.keySign(undefined, 1, 0, 0, new Uint8Array(1)),"
                 "native.keyFromDer(true, new Uint8Array(40)), native.keyFromRaw('Ed25519', true, new Uint8Array(5)),"
                 "native.keyFromPoint('P-256', new Uint8Array(65)), native.keyGenerate('nonsense'),"
                 "native.hasherFinish(new Uint8Array(8))])"),
            ",,,,0,,");
}

// V8 frees keys with their objects, in the background or at the isolate's end: what leaks or is freed twice is the
// sanitizer's to find.
TEST_F(Natives, KeysGoWithTheirObjects) {
  EXPECT_EQ(
      Eval("for (let i = 0; i < 2000; i++) native.keyGenerate('X25519'); native.keyType(native.keyGenerate('X25519'))"),
      "7");
}

TEST_F(Natives, AesCountsInTheBitsOfItsCounterOnly) {
  EXPECT_EQ(Eval("const k = new Uint8Array(16), ff = new Uint8Array(16).fill(255), zero = new Uint8Array(48);"
                 "const wrapped = new Uint8Array(native.aesCtr(k, ff, 12, zero));"
                 "const low = ff.slice(); low[15] = 0; low[14] = 0xf0;"
                 "String(wrapped.slice(16)) === String(new Uint8Array(native.aesCtr(k, low, 12, zero.slice(16))))"),
            "true");
  EXPECT_EQ(
      Eval("String([native.aesCtr(k, ff, 1, zero), native.aesCtr(k, ff, 0, zero), native.aesCtr(k, ff, 129, zero),"
           "native.aesCtr(k, k.slice(1), 64, zero), native.aesCtr(k.slice(1), ff, 64, zero)])"),
      ",,,,");
}

TEST_F(Natives, ZlibGoesStepByStep) {
  EXPECT_EQ(
      Eval("const z = native.zlibNew('gzip', true), big = new Uint8Array(200000); let at = 0, out = [];"
           "for (;;) { const [chunk, used, status] = native.zlibStep(z, big, at, true); if (chunk) out.push(...chunk);"
           "  at += used; if (status !== 0) break; }"
           "const u = native.zlibNew('gzip', false), packed = new Uint8Array(out); let count = 0, from = 0, last;"
           "do { const [chunk, used, status] = native.zlibStep(u, packed, from, false); from += used;"
           "  count += chunk?.length ?? 0; last = status; } while (last === 0);"
           "`${count} ${last} ${native.zlibStep(u, packed, 0, false)[2]}`"),
      "200000 2 2");
  EXPECT_EQ(Eval("native.zlibStep(native.zlibNew('deflate', false), new Uint8Array(9).fill(255), 0, false)[2]"), "3");
}

TEST_F(Natives, TheClockCountsFrom1970) { EXPECT_EQ(Eval("Math.abs(native.now() - Date.now()) < 1000"), "true"); }

}  // namespace
}  // namespace limpet::api
