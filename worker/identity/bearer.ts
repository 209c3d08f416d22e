/** The token of `Authorization: Bearer <token>` (RFC 6750, 2.1), or null. */
export function bearerToken(request: Request): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}
