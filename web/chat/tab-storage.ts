/** What a tab keeps of a chat, also when it is loaded again. */
export type TabStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * The browser's own storage of this tab; what that does not take, since it is full or the person
 * forbade it, is kept as long as the page is there.
 * @param browsers finds the browser's, or throws
 */
export function makeTabStorage(browsers: () => TabStorage): TabStorage {
  const unkept = new Map<string, string>();
  let isTold = false;
  const attempt = <T>(act: () => T): T | null => {
    try {
      return act();
    } catch (error) {
      // Once: it is tried with every key.
      if (!isTold) console.warn(error);
      isTold = true;
      return null;
    }
  };
  const removeItem = (key: string) => {
    unkept.delete(key);
    attempt(() => browsers().removeItem(key));
  };
  return {
    getItem: (key) => unkept.get(key) ?? attempt(() => browsers().getItem(key)),
    setItem(key, value) {
      // What is there is of before: it must not come back in its place.
      removeItem(key);
      unkept.set(key, value);
      attempt(() => {
        browsers().setItem(key, value);
        unkept.delete(key);
      });
    },
    removeItem,
  };
}

export const tabStorage = makeTabStorage(() => sessionStorage);
