import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

/** The mark of the house: a window below the waterline. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <circle class="logo-ring" cx="16" cy="16" r="15" />
      <circle class="logo-glass" cx="16" cy="16" r="10.5" />
      <path
        class="logo-water"
        d="M5.9 18.8c1.7-1.5 3.4-1.5 5 0s3.4 1.5 5.1 0 3.4-1.5 5.1 0 3.3 1.5 5 0A10.5 10.5 0 0 1 5.9 18.8Z"
      />
      <g class="logo-bolts">
        <circle cx="16" cy="3.25" r="1.1" />
        <circle cx="16" cy="28.75" r="1.1" />
        <circle cx="3.25" cy="16" r="1.1" />
        <circle cx="28.75" cy="16" r="1.1" />
      </g>
    </svg>
  );
}

export const BackIcon = () => (
  <Icon>
    <path d="M15 5l-7 7 7 7" />
  </Icon>
);

export const PlusIcon = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

export const RefreshIcon = () => (
  <Icon>
    <path d="M20 5v5h-5M4 19v-5h5M19.2 10A7.5 7.5 0 0 0 6 7.3M4.8 14A7.5 7.5 0 0 0 18 16.7" />
  </Icon>
);

export const KeyIcon = () => (
  <Icon>
    <path d="M12.4 12.6L20 5M17 8l2.5 2.5M14.6 10.4l1.8 1.8M12.9 15.2a3.9 3.9 0 1 1-7.8 0 3.9 3.9 0 0 1 7.8 0Z" />
  </Icon>
);

export const TrashIcon = () => (
  <Icon>
    <path d="M5 7h14M10 7V5h4v2M7 7l.8 12h8.4L17 7M10.3 11v4.5M13.7 11v4.5" />
  </Icon>
);

export const SignOutIcon = () => (
  <Icon>
    <path d="M10 5H6v14h4M11 12h9M16.5 8.5L20 12l-3.5 3.5" />
  </Icon>
);

export const ShareIcon = () => (
  <Icon>
    <path d="M12 15V4M8 7.5L12 3.5l4 4M7 11H5v9h14v-9h-2" />
  </Icon>
);

export const ClipboardIcon = () => (
  <Icon>
    <path d="M9 5H6v15h12V5h-3M9 3.5h6v3H9zM9 11h6M9 15h4" />
  </Icon>
);

export const KeyboardIcon = () => (
  <Icon>
    <path d="M3 6.5h18v11H3zM7 10h0M10.3 10h0M13.7 10h0M17 10h0M8 14h8" />
  </Icon>
);

export const FitIcon = () => (
  <Icon>
    <path d="M4 5h16v14H4zM8 12h8M8 12l2-2M8 12l2 2M16 12l-2-2M16 12l-2 2" />
  </Icon>
);

export const ActualSizeIcon = () => (
  <Icon>
    <path d="M4 5h16v14H4zM8 10l1.5-1v6M14.5 10l1.5-1v6M12.3 10.7h0M12.3 13.8h0" />
  </Icon>
);

export const PanIcon = () => (
  <Icon>
    <path d="M12 3v18M3 12h18M12 3L9.5 5.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5" />
  </Icon>
);

export const EnterFullScreenIcon = () => (
  <Icon>
    <path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />
  </Icon>
);

export const LeaveFullScreenIcon = () => (
  <Icon>
    <path d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5" />
  </Icon>
);

export const ChevronUpIcon = () => (
  <Icon>
    <path d="M6 14l6-6 6 6" />
  </Icon>
);

export const ChevronDownIcon = () => (
  <Icon>
    <path d="M6 10l6 6 6-6" />
  </Icon>
);

export const EyeIcon = () => (
  <Icon>
    <path d="M2.5 12C5 7.5 8.3 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.800 6.5-9.5 6.5S5 16.5 2.5 12ZM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z" />
  </Icon>
);

export const PointerIcon = () => (
  <Icon>
    <path d="M6 3.5l12.5 8.200-5.700 1.3-2.800 5.5zM12.5 13.5L16 20" />
  </Icon>
);

export const OptionsIcon = () => (
  <Icon>
    <path d="M4 7h9M17 7h3M4 17h3M11 17h9M15 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4ZM9 15a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z" />
  </Icon>
);

export const EditIcon = () => (
  <Icon>
    <path d="M4.5 19.5l1-4.2L16 4.8l3.2 3.2L8.7 18.5zM13.8 7l3.2 3.2" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <path d="M12 4v7M7.5 6.5a7.5 7.5 0 1 0 9 0" />
  </Icon>
);

export const ChatIcon = () => (
  <Icon>
    <path d="M4 5h16v11h-8.500l-4.500 4v-4H4zM8 9.2h8M8 12.2h5" />
  </Icon>
);

export const SendIcon = () => (
  <Icon>
    <path d="M4.500 4.500L20.500 12 4.500 19.500l2-7.500zM6.500 12H13" />
  </Icon>
);

export const PeopleIcon = () => (
  <Icon>
    <path d="M9 4.500a3.200 3.200 0 1 1 0 6.400 3.200 3.200 0 0 1 0-6.400ZM3 19c.3-3.600 2.800-5.500 6-5.500s5.700 1.900 6 5.500M15.500 5a3 3 0 0 1 0 5.600M17.500 14c2 .6 3.300 2.300 3.500 5" />
  </Icon>
);

export const LogIcon = () => (
  <Icon>
    <path d="M5 4.5h14v15H5zM8.500 8.500h7M8.500 12h7M8.500 15.500h4" />
  </Icon>
);

export const PlayIcon = () => (
  <Icon>
    <path d="M8 5.500l10.500 6.500L8 18.500z" />
  </Icon>
);
