import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bearer } from "../support/call.ts";
import { expectHeard, People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

describe("a chat room", () => {
  it("that hears of a revocation while the credential is on its way in lets it in no more", async () => {
    const { host_id } = await rig.enrol();
    const { session_id } = await rig.api.createSession({ host_id, port: 5900 });
    const [revoked, other] = [await people.key("operator"), await people.key("operator")];
    const before = people.chat(session_id, bearer(revoked.key));
    await expectHeard(before);
    // What the session's object says to the room when a key is revoked. The session itself is not
    // told here: it lets the key in, as it did an upgrade that it had admitted just before.
    const namespace = await rig.edge.miniflare.getDurableObjectNamespace("CHAT_ROOM", "porthole");
    // Miniflare does not know the object's class, so its stub has no methods by type.
    const room = namespace.get(namespace.idFromName(`session:${session_id}`)) as unknown as {
      close(code: number, reason: string, via: string): Promise<void>;
    };
    await room.close(4401, "The API key was revoked.", `key:${revoked.key_id}`);

    const closing = { code: 4401, reason: "The API key was revoked." };
    expect(await before.closed).toEqual(closing);
    const late = people.chat(session_id, bearer(revoked.key));
    expect(await late.closed).toEqual({ code: 4401, reason: "This credential was revoked." });
    const ticket = await people.ticket(session_id, bearer(revoked.key));
    expect((await people.chat(session_id, { ticket }).closed).code).toBe(4401);
    const member = people.chat(session_id, bearer(other.key));
    await expectHeard(member);
    await member.close();
  });
});
