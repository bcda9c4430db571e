export function formatChoices(): string;
export function formatDepartures(): string;
