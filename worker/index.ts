import { app } from "./app.ts";

export { Batches } from "./objects/batch.ts";
export { ChatRoom } from "./objects/chat-room.ts";
export { PanelServer } from "./objects/panel-server.ts";
export { Registry } from "./objects/registry.ts";
export { VncHost } from "./objects/vnc-host.ts";
export { VncSession } from "./objects/vnc-session.ts";

export default app;
