// The beginning of the list: the organization one is in, with the others behind it, and the way to a new task.

/**
 * @import {Menu} from "./menu.js"
 * @import {App, Workspace} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { SEPARATOR } from "./menu.js";

/**
 * @param {Workbench} bench
 * @param {Menu} menu
 * @param {App | null} app
 * @param {Workspace | null} workspace
 */
export function sidebarHead(bench, menu, app, workspace) {
  const organizations = app?.organizations ?? [];
  const unreadElsewhere = organizations.some((one) => one.id !== bench.places.organization && one.unread_count > 0);
  const name = workspace?.name ?? (organizations.length ? " " : "Foundry");
  const items = [
    ...organizations.map((one) => ({
      label: one.name,
      note: one.unread_count ? `${one.unread_count} unread` : "",
      current: one.id === bench.places.organization,
      act: () => bench.goTo({ organization: one.id }, { select: true }),
    })),
    SEPARATOR,
    { label: "New organization …", act: () => bench.dialogs.open("organization") },
    { label: "Sign out", act: () => bench.signOut() },
  ];
  return h(
    "header",
    { class: "sidebar-head" },
    menu.show({
      name: "organizations",
      label: [
        h("span", { class: "organization-name" }, name),
        unreadElsewhere && h("span", { class: "dot dot-unread", title: "Unread elsewhere" }),
        icon("down"),
      ],
      title: "Organizations",
      called: `Organizations: ${name}${unreadElsewhere ? ", unread elsewhere" : ""}`,
      items,
    }),
    h(
      "button",
      {
        class: "primary",
        title: "New task (n)",
        disabled: !workspace?.repositories.length,
        onclick: () => bench.dialogs.open("task"),
      },
      icon("plus"),
      "New task",
    ),
  );
}
