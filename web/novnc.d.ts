/** The part of noVNC 1.7 that we use; it ships no types. Its docs/API.md is the reference. */
declare module "@novnc/novnc" {
  export type CredentialType = "username" | "password" | "target";

  type Events = {
    connect: CustomEvent<Record<string, never>>;
    disconnect: CustomEvent<{ clean: boolean }>;
    credentialsrequired: CustomEvent<{ types: CredentialType[] }>;
    securityfailure: CustomEvent<{ status: number; reason?: string }>;
    serververification: CustomEvent<{ type: "RSA"; publickey: Uint8Array<ArrayBuffer> }>;
    desktopname: CustomEvent<{ name: string }>;
    clipboard: CustomEvent<{ text: string }>;
    clippingviewport: CustomEvent<boolean>;
  };

  export default class RFB {
    constructor(target: HTMLElement, channel: WebSocket, options?: { shared?: boolean });
    background: string;
    clipViewport: boolean;
    /** 0 to 9. */
    compressionLevel: number;
    dragViewport: boolean;
    focusOnClick: boolean;
    /** Of pictures that lose something, 0 to 9. */
    qualityLevel: number;
    scaleViewport: boolean;
    viewOnly: boolean;
    addEventListener<Name extends keyof Events>(
      name: Name,
      listener: (event: Events[Name]) => void,
    ): void;
    approveServer(): void;
    clipboardPasteFrom(text: string): void;
    disconnect(): void;
    focus(options?: FocusOptions): void;
    sendCredentials(credentials: Partial<Record<CredentialType, string>>): void;
    sendCtrlAltDel(): void;
    /** Without `down` the key is pressed and released. `code` is a KeyboardEvent's. */
    sendKey(keysym: number, code: string | null, down?: boolean): void;
  }
}
